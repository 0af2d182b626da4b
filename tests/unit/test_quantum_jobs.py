"""Jobs as plain data: what is taken, what is refused before anything runs, and what every kind gives."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandora_core.errors import ConfigError, RefusedError
from pandora_core.quantum.jobs import backends
from pandora_core.quantum.jobs.work import (
    CircuitWork,
    JobResult,
    KernelWork,
    Outcome,
    Payload,
    QaoaWork,
    RunOptions,
    VqcWork,
    WalkWork,
    Work,
    encode,
    needs_of,
    new_job,
    payload_of,
    work_of,
)
from pandora_core.quantum.models.featuremaps import FeatureMap
from pandora_core.quantum.models.vqc import Ansatz, Vqc
from pandora_core.store.job_rows import JobFilter, JobState

HEAD = 'OPENQASM 3.0;\ninclude "stdgates.inc";\n'
BELL = HEAD + "qubit[2] q; bit[2] c;\nh q[0]; cx q[0], q[1];\nc = measure q;\n"
MAP = FeatureMap(2, reps=1)
VQC = Vqc(MAP, Ansatz(2, reps=1), (0.1, 0.2, 0.3, 0.4))
ROWS = [[0.1, 0.7], [0.4, -0.2], [1.1, 0.3]]


def payload(work: Work, backend: str = "statevector", **options: Any) -> Payload:
    return Payload(work, RunOptions(**({"shots": 0} | options)), backend)


def ran(work: Work, backend: str = "statevector", **options: Any) -> Outcome:
    from pandora_core.quantum.jobs.execution import execute

    return execute(encode(payload(work, backend, **options)))


def result(outcome: Outcome) -> JobResult:
    assert outcome.result is not None, outcome.reason
    return outcome.result


@pytest.mark.parametrize(
    ("text", "qubits"),
    [
        ("qubit[3] q;", 3),
        ("qubit q;", 1),
        ("qubit[2] a; qubit[4] b;", 6),
        ("qreg q[5];", 5),
        ("// qubit[9] q;\nqubit[2] q;", 2),
        ("/* qubit[9] q; */ qubit [ 2 ] q;", 2),
        ("h $0; cx $0, $6;", 7),
    ],
)
def test_qubits_are_counted_without_a_reader_of_circuits(text: str, qubits: int) -> None:
    assert needs_of(payload(CircuitWork(qasm3=HEAD + text))).qubits == qubits


@given(st.integers(1, 60))
def test_memory_grows_with_every_qubit_and_is_refused_above_the_limit(qubits: int) -> None:
    work = CircuitWork(qasm3=f"{HEAD}qubit[{qubits}] q;")
    needed = needs_of(payload(work, "aer", shots=1)).memory_bytes
    assert needed > 2 * 16 << qubits
    assert new_job(payload(work, "aer", shots=1), memory_limit_bytes=needed).memory_bytes == needed
    with pytest.raises(RefusedError, match="more than the limit"):
        new_job(payload(work, "aer", shots=1), memory_limit_bytes=needed - 1)


@given(st.integers(0, 1_000_000), st.integers(0, 2**31 - 1), st.integers(0, 3))
def test_a_payload_is_read_back_as_it_was(shots: int, seed: int, level: int) -> None:
    made = payload(KernelWork(MAP.as_json(), ROWS), "aer", shots=shots, seed=seed, level=level)
    assert payload_of(encode(made)) == made


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("kernel", "{}"),
        ("kernel", "[]"),
        ("walk", '{"hosts": 3, "edges": []}'),
        ("qaoa", "not json"),
        ("poem", "{}"),
    ],
)
def test_work_that_is_none_is_an_error_in_words(kind: str, text: str) -> None:
    with pytest.raises(ConfigError):
        work_of(kind, text)


@pytest.mark.parametrize(
    "options", [{"shots": -1}, {"shots": 10**7}, {"level": 4}, {"mitigation": "hope"}, {"seed": -1}]
)
def test_options_out_of_range_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        needs_of(payload(CircuitWork(qasm3=BELL), **options))


@pytest.mark.parametrize("name", ["abacus", "aer:", "local", "statevector:x", ""])
def test_a_backend_that_is_none_is_refused_by_name(name: str) -> None:
    with pytest.raises(ConfigError):
        backends.check_name(name)


def test_a_kernel_on_shots_is_near_the_exact_one_and_stands_beside_it() -> None:
    exact = result(ran(KernelWork(MAP.as_json(), ROWS)))
    assert np.allclose(exact.values["kernel"], exact.classical["exact"], atol=1e-9)
    sampled = result(ran(KernelWork(MAP.as_json(), ROWS, ROWS[:1]), "statevector", shots=4000, seed=3))
    assert np.shape(sampled.values["kernel"]) == (3, 1)
    assert 0 < sampled.values["largest_error"] < 0.05
    assert np.shape(sampled.classical["rbf"]) == (3, 1)


def test_a_gram_matrix_from_counts_says_what_its_shots_cannot_tell_apart() -> None:
    far = [[0.0, 0.0], [1.9, 0.8], [-1.2, 1.4]]
    found = result(ran(KernelWork(MAP.as_json(), far), "aer", shots=200, seed=3)).values
    matrix, floor = np.array(found["kernel"]), found["shot_floor"]
    assert np.array_equal(matrix, matrix.T)
    assert np.array_equal(np.diag(matrix), np.ones(3))
    assert floor["shots"] == 200
    assert floor["smallest"] == pytest.approx(3 / 200, rel=0.01)
    assert floor["lost"] == np.mean(matrix[~np.eye(3, dtype=bool)] < floor["smallest"])
    assert found["largest_error"] < 6 * max(floor["error"], 1 / 200)
    assert "shot_floor" not in result(ran(KernelWork(MAP.as_json(), far))).values  # nothing was drawn


@pytest.mark.parametrize(
    ("options", "fits"),
    [
        ({"mitigation": "trex"}, True),
        ({"mitigation": "trex+zne", "mode": "batch"}, True),
        ({"mitigation": "readout"}, False),
        ({"mode": "marathon"}, False),
        ({"shots": 0}, False),
    ],
)
def test_what_ibm_s_machines_cannot_do_is_refused_before_anything_is_sent(
    options: dict[str, Any], fits: bool
) -> None:
    asked = payload(CircuitWork(qasm3=BELL), "ibm", **({"shots": 100} | options))
    if fits:
        assert needs_of(asked).memory_bytes == 0
        return
    with pytest.raises(ConfigError):
        needs_of(asked)


def test_one_circuit_at_a_time_is_mitigated_on_ibm_s_machines() -> None:
    with pytest.raises(ConfigError, match="one at a time"):
        needs_of(payload(KernelWork(MAP.as_json(), ROWS), "ibm", shots=100, mitigation="trex"))


def test_a_classifier_s_chances_are_those_of_the_exact_simulation() -> None:
    found = result(ran(VqcWork(json.loads(VQC.to_text()), ROWS)))
    assert found.values["chances"] == pytest.approx(found.classical["exact"], abs=1e-9)
    assert found.classical["exact"] == pytest.approx(VQC.probabilities(np.array(ROWS)))


def test_a_walk_differs_from_the_exact_one_by_its_steps_alone() -> None:
    work = WalkWork(["a", "b", "c"], [(0, 1, 1.0), (1, 2, 2.0)], steps=6)
    found = result(ran(work))
    assert sum(found.values["chances"].values()) == pytest.approx(1.0)
    assert found.values["distance"] == pytest.approx(found.classical["trotter_distance"], abs=1e-9)


def test_a_plan_of_qaoa_stands_beside_the_exact_one() -> None:
    work = QaoaWork([[-1.0, 2.0], [0.0, -1.5]], depth=2)
    found = result(ran(work, shots=200, seed=1))
    exact = next(plan for plan in found.classical["plans"] if plan["solver"] == "exact")
    assert found.values["cost"] == pytest.approx(exact["cost"])
    assert found.values["bits"] == exact["bits"] == [0, 1]
    better_than_guessing = result(ran(work)).values
    assert better_than_guessing["mean_cost"] < -1.0 < np.mean([0.0, -1.0, -1.5, -0.5])
    assert better_than_guessing["optimum_chance"] > 0.4


def test_a_circuit_with_something_behind_its_measurement_is_refused() -> None:
    with pytest.raises(ConfigError, match="after a measurement"):
        ran(CircuitWork(qasm3=HEAD + "qubit q; bit c; c = measure q; h q;"))


def test_a_circuit_larger_than_was_declared_is_refused() -> None:
    from pandora_core.quantum.circuits.forms import from_qasm3, to_qpy

    qpy = to_qpy(from_qasm3(BELL))
    assert ran(CircuitWork(qpy=qpy, qubits=2)).state is JobState.DONE
    with pytest.raises(ConfigError, match="1 were declared"):
        ran(CircuitWork(qpy=qpy, qubits=1))


def test_a_result_says_that_it_is_simulated_and_how_it_came_about() -> None:
    outcome = ran(CircuitWork(qasm3=BELL), "aer", shots=100, seed=5, level=2)
    facts = outcome.facts
    assert (facts.simulated, facts.seed, facts.level, facts.two_qubit_gates) == (True, 5, 2, 1)
    assert facts.label.startswith("simulated")
    assert result(outcome).counts == result(ran(CircuitWork(qasm3=BELL), "aer", shots=100, seed=5, level=2)).counts


def test_mitigation_shows_before_after_and_the_truth() -> None:
    noisy = ran(CircuitWork(qasm3=BELL), "aer:FakeManilaV2", shots=4000, seed=1, mitigation="readout")
    shown = result(noisy).mitigated
    assert shown["exact"] == pytest.approx(1.0)
    assert abs(shown["after"] - 1) < abs(shown["before"] - 1)
    with pytest.raises(ConfigError, match="no trex"):
        ran(CircuitWork(qasm3=BELL), "aer", shots=10, mitigation="trex")


def test_a_saved_calibration_brings_its_noise() -> None:
    from pandora_core.quantum.jobs.execution import execute

    noise = {"name": "bad", "qubits": 2, "coupling": [[0, 1, 0.0]], "gates": [0.0, 0.0], "readout": [[0.3, 0.3]] * 2}
    given_ = Payload(CircuitWork(qasm3=BELL), RunOptions(shots=2000), "aer:calibration", noise)
    counts = result(execute(encode(given_))).counts[0]
    assert (counts["01"] + counts["10"]) / 2000 == pytest.approx(2 * 0.3 * 0.7, abs=0.05)
    broken = msgspec.structs.replace(given_, calibration={"qubits": 2})
    with pytest.raises(ConfigError, match="not a calibration"):
        execute(encode(broken))


def test_a_filter_is_read_from_terms() -> None:
    found = JobFilter.parse("state:done,error kind:vqc backend:aer who:ann since:2h 'two words'")
    assert found.states == (JobState.DONE, JobState.ERROR)
    assert (found.kind, found.backend, found.actor, found.newer_than_us) == ("vqc", "aer", "ann", 7_200_000_000)
    assert found.words == ("two words",)
    assert JobFilter.parse("") == JobFilter()
    for wrong in ("state:odd", "since:2y", "kind:", "'open"):
        with pytest.raises(ConfigError):
            JobFilter.parse(wrong)
