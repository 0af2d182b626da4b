"""What is read of IBM's answers without Qiskit, against the runtime's own decoders."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pandora_core.quantum.ibm.rest import Access, UnreadableError, base_url, can_ask, counts_of

CRN = "crn:v1:bluemix:public:quantum-computing:{}:a/1:2::"


def result_of(registers: dict[str, np.ndarray]) -> str:
    """A sampler's program of one item, as the service writes it."""
    from ibm_quantum_schemas.executor.version_2_0 import models

    tensors = {name: models.CompressedTensorModel.from_numpy(bits) for name, bits in registers.items()}
    item = models.QuantumProgramResultItemModel(results=tensors, metadata=models.ItemMetadataModel())
    twirled = any(name.startswith("measurement_flips") for name in registers)
    said = {"version": "v0.1", "twirling": twirled, "meas_type": "classified", "shots": 1, "options": {}}
    made = models.QuantumProgramResultModel(
        data=[item],
        metadata=models.MetadataModel(chunk_timing=[]),
        passthrough_data={"post_processor": said},
        semantic_role="sampler_v2",
    )
    return made.model_dump_json()


def by_the_runtime(text: str) -> dict[str, int]:
    from qiskit_ibm_runtime.decoders.executor.decoder import ExecutorResultDecoder
    from qiskit_ibm_runtime.decoders.executor_sampler.decoder import ClientSideSamplerResultDecoder

    result = ClientSideSamplerResultDecoder.decode(ExecutorResultDecoder.decode(text))
    return {bits: int(count) for bits, count in result[0].join_data().get_counts().items()}


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**31), widths=st.lists(st.integers(1, 11), min_size=1, max_size=3), twirled=st.booleans())
def test_counts_are_those_of_the_runtime_s_own_decoder(seed: int, widths: list[int], twirled: bool) -> None:
    rng, registers = np.random.default_rng(seed), {}
    for number, width in enumerate(widths):
        shape = (4, 9, width) if twirled else (36, width)
        registers[f"c{number}"] = rng.random(shape) < 0.3
        if twirled:
            registers[f"measurement_flips.c{number}"] = rng.random((4, 1, width)) < 0.5
    text = result_of(registers)
    assert counts_of(text) == [by_the_runtime(text)]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        json.dumps({"schema_version": "v9", "data": []}),
        json.dumps(
            {"schema_version": "v2.0", "data": [{"results": {"c": {"data": "!", "shape": [1], "dtype": "bool"}}}]}
        ),
        json.dumps(
            {"schema_version": "v2.0", "data": [{"results": {"c": {"data": "", "shape": [1], "dtype": "f64"}}}]}
        ),
        json.dumps({"schema_version": "v2.0", "data": [{"results": {}}]}),
    ],
)
def test_a_result_of_another_form_is_left_to_the_runtime(text: str) -> None:
    with pytest.raises(UnreadableError):
        counts_of(text)


@pytest.mark.parametrize(
    ("region", "url", "expected"),
    [
        ("us-east", "", "https://quantum.cloud.ibm.com/api/v1"),
        ("eu-de", "", "https://eu-de.quantum.cloud.ibm.com/api/v1"),
        ("us-east", "http://cloud.test", "http://quantum.cloud.test/api/v1"),
        ("us-east", "http://x.experimental.test/v", "http://x.experimental.test/v"),
    ],
)
def test_an_instance_is_asked_where_the_runtime_asks_it(region: str, url: str, expected: str) -> None:
    from qiskit_ibm_runtime.api.utils import default_runtime_url_resolver

    access = Access("t", CRN.format(region), url)
    assert can_ask(access)
    assert (
        base_url(access) == expected == default_runtime_url_resolver(url or "https://cloud.ibm.com", access.instance)
    )


def test_an_instance_by_name_is_left_to_the_runtime() -> None:
    assert not can_ask(Access("t", "my-instance"))


def loaded_after(code: str, *modules: str) -> list[str]:
    """Which of the modules a fresh interpreter has after some code."""
    ask = f"{code}\nimport sys; print(*[m for m in {modules!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    return done.stdout.split()


def test_the_client_process_starts_without_qiskit() -> None:
    assert loaded_after("import pandora_core.quantum.ibm.client", "numpy", "qiskit", "scipy") == ["numpy"]


def test_a_sampler_s_result_is_read_back_without_the_runtime() -> None:
    code = """
from pandora_core.quantum.jobs import execution
from pandora_core.quantum.jobs.backends import Measured
from pandora_core.quantum.jobs.work import CircuitWork, Payload, RunOptions
bell = 'OPENQASM 3.0; include "stdgates.inc"; qubit[2] q; bit[2] c; h q[0]; cx q[0], q[1]; c = measure q;'
payload = Payload(CircuitWork(qasm3=bell), RunOptions(), "ibm")
made = execution.read_back(payload, execution.build(payload.work), Measured(({"00": 5, "11": 5},)))
assert made.qasm3 and made.drawing
"""
    assert loaded_after(code, "qiskit", "qiskit_ibm_runtime", "qiskit_aer") == ["qiskit"]
