"""Owns how a job becomes one program of IBM's executor, and how a mitigated result of it is read.

One job here is one job there, mitigated or not. It imports qiskit-ibm-runtime and belongs to the client process.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from qiskit import QuantumCircuit
from qiskit_ibm_runtime import Batch, Session
from qiskit_ibm_runtime.decoders.result_decoder import ResultDecoder
from qiskit_ibm_runtime.exceptions import IBMError
from qiskit_ibm_runtime.executor_estimator import Estimator
from qiskit_ibm_runtime.executor_sampler import Sampler
from qiskit_ibm_runtime.results.quantum_program import QuantumProgramResult

from pandora_core.errors import ConfigError
from pandora_core.quantum.ibm.rest import counts_of_bits
from pandora_core.quantum.jobs.mitigation import parity_expectation, shares
from pandora_core.quantum.jobs.simulators import measured_qubits, parity_of
from pandora_core.quantum.jobs.work import RunOptions

log = logging.getLogger(__name__)

_REGISTER = "_meas"
"""What the estimator measures all of a device's qubits into."""
_FLIPS = f"measurement_flips.{_REGISTER}"
_ORDER = "measured"
SESSION_S = 900
"""How long a session or batch may stay open, if we die before we close it."""


@contextmanager
def mode_of(backend: Any, name: str) -> Iterator[Any]:
    """What a primitive runs in: the backend, or a session or batch on it that takes no second job.

    Which of these is allowed is up to the plan; what is not is refused over there, and the job says so.
    """
    if name == "job":
        yield backend
        return
    opened = (Session if name == "session" else Batch)(backend=backend, max_time=SESSION_S)
    try:
        yield opened
    finally:
        try:
            opened.close()
        except IBMError:  # it ends by itself; the job in it is what matters
            log.warning("the %s is not closed; it ends after %d s", name, SESSION_S)


def prepared(mode: Any, ready: Sequence[QuantumCircuit], options: RunOptions, tag: str) -> Callable[[], Any]:
    """A call that sends transpiled circuits, once: to the sampler, or for TREX and ZNE to the estimator.

    Raises:
        ConfigError: several circuits are to be mitigated.
    """
    if options.mitigation == "none":
        sampler = Sampler(mode=mode)
        _set(sampler.options, options, tag)
        return lambda: sampler.run(list(ready), shots=options.shots)
    if len(ready) != 1:
        raise ConfigError(f"{len(ready)} circuits: one at a time is mitigated", where="mitigation")
    estimator = Estimator(mode=mode)
    estimator.options.resilience_level = 1 if options.mitigation == "trex" else 2
    _set(estimator.options, options, tag)
    body, parity = parity_of(ready[0])
    body.metadata = {_ORDER: measured_qubits(ready[0])}  # comes back with the result, whoever asks for that
    return lambda: estimator.run([(body, parity)], precision=options.shots**-0.5)


class AsItIs(ResultDecoder):  # type: ignore[misc]
    """A result's text; the program of a mitigated one is read twice."""

    @classmethod
    def decode(cls, raw_result: str) -> Any:
        return raw_result


class Mended(NamedTuple):
    """What an estimator's job read, and what its mitigation makes of that."""

    counts: dict[str, int]
    """At the noise as it is; where measurements were twirled, the flips are undone."""
    mitigated: dict[str, Any]


def mended(text: str, method: str) -> Mended:
    """The mean parity by the runtime's own decoders, beside that of the very shots they mend."""
    from qiskit_ibm_runtime.decoders.executor.decoder import ExecutorResultDecoder
    from qiskit_ibm_runtime.decoders.executor_estimator.decoder import ClientSideEstimatorDecoder

    program = ExecutorResultDecoder.decode(text)
    assert isinstance(program, QuantumProgramResult)
    order = program.passthrough_data["post_processor"]["circuits_metadata"][0][_ORDER]
    bits = np.asarray(program[0][_REGISTER])
    if _FLIPS in program[0]:
        bits = bits ^ np.asarray(program[0][_FLIPS])
    counts = counts_of_bits(bits.reshape(-1, bits.shape[-1])[:, order])
    data: Any = ClientSideEstimatorDecoder.decode(program)[0].data
    name = "TREX" if method == "trex" else "TREX and ZNE"
    found = {"before": parity_expectation(shares(counts)), "after": float(data.evs), "error": float(data.stds)}
    return Mended(counts, {"of": "mean parity", **found, "method": name})


def _set(chosen: Any, options: RunOptions, tag: str) -> None:
    chosen.environment.job_tags = [tag]
    chosen.dynamical_decoupling.enable = options.dynamical_decoupling
    chosen.twirling.enable_gates = options.twirling
