"""Owns the client process of IBM Quantum: one question at a time from whoever runs the queue, one answer each.

What needs no Qiskit is asked over REST at once (:mod:`.ibm_rest`). The rest waits for qiskit-ibm-runtime, whose calls
have no deadline, retry by themselves and can create several jobs in one ``run``. So all of it lives in a process that
is killed when an answer is late, keeps nothing, and is asked by a job's tag what became of a submission. It never
starts where there is no network to be used. The token comes over the line, not by argument or environment. Whatever
goes wrong is told in one of these ways:

* ``refused`` – no job was made, and none will be: the job is an error;
* ``unsent`` – no job was made: it may be tried again;
* ``unknown`` – a job may have been made: ask by the tag;
* ``missing``, ``final`` – there is no such job; it cannot be cancelled any more;
* ``load`` – nothing was done: what is not loaded yet is needed, and ``load`` loads it, which takes seconds.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import msgspec

from pandora_core.errors import ConfigError, PandoraError
from pandora_core.quantum.ibm.rest import Access, Found, RestClient, RestError, UnreadableError, can_ask
from pandora_core.quantum.jobs.backends import Backend
from pandora_core.quantum.jobs.work import Outcome, Payload
from pandora_core.store.job_rows import JobFacts, JobState

if TYPE_CHECKING:
    from pandora_core.quantum.ibm.sending import OnceAdapter

CHANNEL = "ibm_quantum_platform"
_CIRCUITS, _RUNTIME = "pandora_core.quantum.jobs.execution", "pandora_core.quantum.ibm.primitives"
"""What is loaded when it is asked for: Qiskit alone, or the runtime's client too."""


class Ask(msgspec.Struct, frozen=True, omit_defaults=True):
    """A question: ``load``, ``submit``, ``find``, ``status``, ``result``, ``cancel`` or ``backends``."""

    what: str
    tag: str = ""
    remote_id: str = ""
    backend: str = ""
    payload: Payload | None = None


class Device(msgspec.Struct, frozen=True):
    """A machine of IBM's."""

    name: str
    qubits: int
    waiting: int
    operational: bool


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What came of a question; ``trouble`` is empty where all went well."""

    trouble: str = ""
    why: str = ""
    found: list[Found] = []
    facts: JobFacts = JobFacts()
    outcome: Outcome | None = None
    devices: list[Device] = []


class IbmClient:
    """Answers questions, over REST where that is enough, else through the runtime's client, once that is loaded."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._rest = RestClient(access) if can_ask(access) else None
        self._service: Any = None
        self._wanted = _RUNTIME
        self._light: dict[str, Callable[[RestClient, Ask], Answer]] = {
            "find": lambda rest, ask: Answer(found=rest.find(ask.tag)),
            "status": lambda rest, ask: Answer(found=[rest.status(ask.remote_id)]),
            "result": _counted,
            "cancel": _cancelled,
        }
        self._heavy: dict[str, Callable[[Ask], Answer]] = {
            "submit": self._submit,
            "find": self._find,
            "status": self._status,
            "result": self._result,
            "cancel": self._cancel,
            "backends": self._backends,
        }

    def answer(self, ask: Ask) -> Answer:
        """Answer a question; every error of the client becomes a kind of trouble."""
        if ask.what == "load":
            import_module(self._wanted)
            return Answer()
        if self._rest is not None and ask.what in self._light:
            try:
                if ask.what == "result" and not self._has(_CIRCUITS):
                    return Answer("load")
                return self._light[ask.what](self._rest, ask)
            except RestError as error:
                return Answer(_kind_of_code(error.status_code, ask.what), str(error))
            except UnreadableError:
                pass  # the runtime's own decoders read more
        return self._by_runtime(ask)

    def _by_runtime(self, ask: Ask) -> Answer:
        if not self._has(_RUNTIME):
            return Answer("load")
        try:
            return self._heavy[ask.what](ask)
        except PandoraError as error:
            return Answer("refused", str(error))
        except Exception as error:  # noqa: BLE001 - the door of a worker: it is told, and becomes a visible state
            return Answer(_kind(error), _words(error))

    def _has(self, module: str) -> bool:
        """Whether it is loaded; if not, it is what ``load`` will load."""
        self._wanted = module
        return module in sys.modules

    @property
    def service(self) -> Any:
        if self._service is None:
            from qiskit_ibm_runtime import QiskitRuntimeService

            given = {"instance": self._access.instance, "url": self._access.url}
            proxies = {"urls": {"http": self._access.proxy, "https": self._access.proxy}}
            chosen: dict[str, Any] = {name: value for name, value in given.items() if value}
            if self._access.proxy:
                chosen["proxies"] = proxies
            self._service = QiskitRuntimeService(channel=CHANNEL, token=self._access.token, **chosen)
        return self._service

    def _submit(self, ask: Ask) -> Answer:
        """Everything before the one request makes no job, and may be tried again."""
        from pandora_core.quantum.ibm import primitives as ibm_primitives
        from pandora_core.quantum.ibm import sending
        from pandora_core.quantum.jobs import execution

        assert ask.payload is not None
        payload, sent = ask.payload, None
        built = execution.build(payload.work)
        qubits = max(circuit.num_qubits for circuit in built.circuits)
        try:
            backend = self._backend(ask.backend, qubits)
            execution.check_fits(built.circuits, backend.num_qubits, payload)
            ready = execution.transpiled(built.circuits, backend, payload.options)
            with ibm_primitives.mode_of(backend, payload.options.mode) as mode:
                send = ibm_primitives.prepared(mode, ready, payload.options, ask.tag)
                sent = sending.once(self.service)
                job = send()
        except PandoraError:
            raise
        except Exception as error:  # noqa: BLE001 - as in answer()
            return Answer(_kind_of_submission(sent, error), _words(error))
        facts = execution.facts_of(ready, payload.options, f"hardware: {backend.name}", False)
        return Answer(found=[Found(job.job_id(), backend.name, "QUEUED")], facts=facts)

    def _backend(self, name: str, qubits: int) -> Any:
        _, _, wanted = name.partition(":")
        if wanted:
            return self.service.backend(wanted)
        return self.service.least_busy(min_num_qubits=qubits, operational=True)

    def _find(self, ask: Ask) -> Answer:
        jobs = self.service.jobs(limit=None, job_tags=[ask.tag])
        found = [Found(each.job_id(), each.backend().name, _state(each), str(each.creation_date)) for each in jobs]
        return Answer(found=sorted(found, key=lambda each: (each.created, each.remote_id)))

    def _status(self, ask: Ask) -> Answer:
        job = self.service.job(ask.remote_id)
        state, metrics = _state(job), {}
        reason = str(job.error_message() or "") if state == "ERROR" else ""
        metrics = dict(job.metrics())
        position = metrics.get("position_in_queue") if state == "QUEUED" else None
        kept = {name: metrics[name] for name in ("timestamps", "usage", "estimated_start_time") if name in metrics}
        name = job.backend().name
        return Answer(found=[Found(job.job_id(), name, state, str(job.creation_date), reason[:500], position, kept)])

    def _result(self, ask: Ask) -> Answer:
        from pandora_core.quantum.ibm import primitives as ibm_primitives

        assert ask.payload is not None
        job, method = self.service.job(ask.remote_id), ask.payload.options.mitigation
        if method == "none":
            made = job.result()
            return _read(
                ask.payload, [{bits: int(n) for bits, n in one.join_data().get_counts().items()} for one in made]
            )
        mended = ibm_primitives.mended(job.result(decoder=ibm_primitives.AsItIs), method)
        return _read(ask.payload, [mended.counts], mended.mitigated)

    def _cancel(self, ask: Ask) -> Answer:
        self.service.job(ask.remote_id).cancel()
        return Answer()

    def _backends(self, ask: Ask) -> Answer:
        devices = []
        for backend in self.service.backends():
            status = backend.status()
            devices.append(Device(backend.name, backend.num_qubits, status.pending_jobs, bool(status.operational)))
        return Answer(devices=devices)


def by_queue(argument: str, calibration: Mapping[str, Any] | None) -> Backend:
    """``ibm`` among the backends. It runs nothing in a worker: a job there has to be found again when this process
    dies, which is what the queue and its client process are for.

    Raises:
        ConfigError: always.
    """
    raise ConfigError("runs through the queue of jobs alone", where="ibm", hint="pandora jobs submit --backend ibm")


def serve(line: socket.socket) -> None:
    """Be the client process: read the access, say that it is there, then answer until the line closes."""
    warnings.simplefilter("ignore")
    with line.makefile("rb") as stream:
        client = IbmClient(msgspec.json.decode(stream.readline(), type=Access))
        questions: SimpleQueue[bytes] = SimpleQueue()
        threading.Thread(target=_listen, args=(stream, questions), daemon=True).start()
        line.sendall(msgspec.json.encode(Answer()) + b"\n")
        while True:
            answer = client.answer(msgspec.json.decode(questions.get(), type=Ask))
            line.sendall(msgspec.json.encode(answer) + b"\n")


def _counted(rest: RestClient, ask: Ask) -> Answer:
    """A sampler's result; Qiskit alone is loaded, for the classical answer beside it."""
    assert ask.payload is not None
    if ask.payload.options.mitigation != "none":
        raise UnreadableError("mitigated by the runtime's decoders")
    return _read(ask.payload, rest.counts(ask.remote_id))


def _read(payload: Payload, counts: Sequence[Mapping[str, int]], mitigated: dict[str, Any] | None = None) -> Answer:
    from pandora_core.quantum.jobs import execution
    from pandora_core.quantum.jobs.backends import Measured

    built = execution.build(payload.work)
    result = execution.read_back(payload, built, Measured(tuple(counts)))
    if mitigated:
        result = execution.with_mitigated(result, built, mitigated)
    return Answer(outcome=Outcome(JobState.DONE, "", result))


def _cancelled(rest: RestClient, ask: Ask) -> Answer:
    rest.cancel(ask.remote_id)
    return Answer()


def _listen(stream: Iterable[bytes], questions: SimpleQueue[bytes]) -> None:
    """Nobody is there any more: leave at once, in the middle of a submission too. One that went on trying by itself
    would make jobs after its successor had looked for them.
    """
    for question in stream:
        questions.put(question)
    os._exit(0)


def _state(job: Any) -> str:
    status = job.status()
    return str(getattr(status, "name", status))


def _kind(error: Exception) -> str:
    """What an error of the client means for the job that was asked about."""
    from qiskit_ibm_runtime.exceptions import IBMInputValueError, RuntimeInvalidStateError, RuntimeJobNotFound

    if isinstance(error, RuntimeJobNotFound):
        return "missing"
    if isinstance(error, RuntimeInvalidStateError):
        return "final"
    code = _status_code(error) or 0
    rejected = 400 <= code < 500 and code not in (401, 403, 404, 408, 409, 423, 429)
    if rejected or isinstance(error, IBMInputValueError | ConfigError):
        return "refused"
    return "unsent" if code in (401, 403, 423, 429) else "unknown"


def _kind_of_submission(sent: OnceAdapter | None, error: Exception) -> str:
    """The same, where it is known whether the request left, and what was answered."""
    kind = _kind(error)
    if sent is None or not sent.has_left:
        return kind if kind == "refused" else "unsent"
    return kind if sent.is_turned_down else "unknown"


def _kind_of_code(code: int, what: str) -> str:
    """The same for what was asked over REST, which never makes a job."""
    if code == 404 and what != "find":
        return "missing"
    return "final" if code == 409 and what == "cancel" else "unknown"


def _status_code(error: BaseException | None) -> int | None:
    while error is not None:
        code = getattr(error, "status_code", None)
        if isinstance(code, int) and code > 0:
            return code
        error = error.__cause__ or error.__context__
    return None


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".replace("\n", " ")[:300]


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.umask(0o077)
    with socket.socket(fileno=int(sys.argv[1])) as _line:
        serve(_line)
