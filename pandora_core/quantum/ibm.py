"""Owns the client process of IBM Quantum: one question at a time from whoever runs the queue, one answer each.

It imports qiskit-ibm-runtime, whose calls have no deadline, retry by themselves and can create several jobs in one
``run``. So it lives in a process that is killed when an answer is late, keeps nothing, and is asked by a job's tag
what became of a submission. It never starts where there is no network to be used. The token comes over the line, not
by argument or environment. Whatever goes wrong is told in one of these ways:

* ``refused`` – no job was made, and none will be: the job is an error;
* ``unsent`` – no job was made: it may be tried again;
* ``unknown`` – a job may have been made: ask by the tag;
* ``missing``, ``final`` – there is no such job; it cannot be cancelled any more.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Callable, Iterable
from queue import SimpleQueue
from typing import Any

import msgspec

from pandora_core.errors import ConfigError, PandoraError
from pandora_core.quantum.jobs import Outcome, Payload
from pandora_core.store.job_rows import JobFacts, JobState

CHANNEL = "ibm_quantum_platform"


class Access(msgspec.Struct, frozen=True):
    """How IBM Quantum is reached. Sent once, before any question."""

    token: str
    instance: str = ""
    url: str = ""
    proxy: str = ""

    def __repr__(self) -> str:
        return f"Access(instance={self.instance!r}, url={self.url!r}, proxy={self.proxy!r})"


class Ask(msgspec.Struct, frozen=True, omit_defaults=True):
    """A question: ``submit``, ``find``, ``status``, ``result``, ``cancel`` or ``backends``."""

    what: str
    tag: str = ""
    remote_id: str = ""
    backend: str = ""
    payload: Payload | None = None


class Found(msgspec.Struct, frozen=True):
    """A job that IBM knows."""

    remote_id: str
    backend: str
    state: str
    created: str = ""
    reason: str = ""
    position: int | None = None
    metrics: dict[str, Any] = {}


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
    """Answers questions through the runtime's client; the service is built when it is first needed."""

    def __init__(self, access: Access) -> None:
        self._access = access
        self._service: Any = None
        self._answers: dict[str, Callable[[Ask], Answer]] = {
            "submit": self._submit,
            "find": self._find,
            "status": self._status,
            "result": self._result,
            "cancel": self._cancel,
            "backends": self._backends,
        }

    def answer(self, ask: Ask) -> Answer:
        """Answer a question; every error of the client becomes a kind of trouble."""
        try:
            return self._answers[ask.what](ask)
        except PandoraError as error:
            return Answer("refused", str(error))
        except Exception as error:  # noqa: BLE001 - the door of a worker: it is told, and becomes a visible state
            return Answer(_kind(error), _words(error))

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
        """Everything before the last step makes no job, and may be tried again."""
        from qiskit_ibm_runtime.executor_sampler import Sampler

        from pandora_core.quantum import execution

        assert ask.payload is not None
        payload = ask.payload
        built = execution.build(payload.work)
        qubits = max(circuit.num_qubits for circuit in built.circuits)
        try:
            backend = self._backend(ask.backend, qubits)
            execution.check_fits(built.circuits, backend.num_qubits, payload)
            ready = execution.transpiled(built.circuits, backend, payload.options)
            sampler = Sampler(mode=backend)
        except PandoraError:
            raise
        except Exception as error:  # noqa: BLE001 - as in answer()
            return Answer("unsent" if _kind(error) != "refused" else "refused", _words(error))
        sampler.options.environment.job_tags = [ask.tag]
        sampler.options.dynamical_decoupling.enable = payload.options.dynamical_decoupling
        sampler.options.twirling.enable_gates = payload.options.twirling
        _try_once(self.service)
        job = sampler.run(ready, shots=payload.options.shots)
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
        from pandora_core.quantum import execution
        from pandora_core.quantum.backends import Measured

        assert ask.payload is not None
        made = self.service.job(ask.remote_id).result()
        counts = tuple({bits: int(n) for bits, n in each.join_data().get_counts().items()} for each in made)
        result = execution.read_back(ask.payload, execution.build(ask.payload.work), Measured(counts))
        return Answer(outcome=Outcome(JobState.DONE, "", result))

    def _cancel(self, ask: Ask) -> Answer:
        self.service.job(ask.remote_id).cancel()
        return Answer()

    def _backends(self, ask: Ask) -> Answer:
        devices = []
        for backend in self.service.backends():
            status = backend.status()
            devices.append(Device(backend.name, backend.num_qubits, status.pending_jobs, bool(status.operational)))
        return Answer(devices=devices)


def serve(line: socket.socket) -> None:
    """Be the client process: read the access, say that all is loaded, then answer until the line closes."""
    import qiskit_ibm_runtime.executor_sampler  # noqa: F401

    import pandora_core.quantum.execution  # noqa: F401

    warnings.simplefilter("ignore")
    with line.makefile("rb") as stream:
        client = IbmClient(msgspec.json.decode(stream.readline(), type=Access))
        questions: SimpleQueue[bytes] = SimpleQueue()
        threading.Thread(target=_listen, args=(stream, questions), daemon=True).start()
        line.sendall(msgspec.json.encode(Answer()) + b"\n")
        while True:
            answer = client.answer(msgspec.json.decode(questions.get(), type=Ask))
            line.sendall(msgspec.json.encode(answer) + b"\n")


def _try_once(service: Any) -> None:
    """Take the client's own retries away: a submission that it repeats, its reply lost, is another job over there.

    There is no option for it, so its private sessions are reached for; if a release moves them, the reconciliation by
    tag still cancels what is left over, as long as that has not run yet (tests/integration/test_ibm_jobs.py).
    """
    from requests.adapters import HTTPAdapter

    clients = [getattr(service, "_active_api_client", None), *getattr(service, "_api_clients", {}).values()]
    for session in filter(None, (getattr(client, "_session", None) for client in clients)):
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=0))


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
    code = _status_code(error)
    rejected = code is not None and 400 <= code < 500 and code not in (401, 403, 404, 408, 409, 423, 429)
    if rejected or isinstance(error, IBMInputValueError | ConfigError):
        return "refused"
    return "unsent" if code in (401, 403, 423, 429) else "unknown"


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
