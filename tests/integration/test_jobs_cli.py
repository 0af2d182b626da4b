"""The commands ``pandora jobs`` and ``pandora quantum`` from end to end."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from queueing import BELL

from pandora_core import process

SOCKETS_FORBIDDEN = """
import socket, sys
real = socket.socket
class Forbidden(real):
    def __init__(self, family=-1, *more, **options):
        made = options.get("fileno")
        if made is None and family not in (socket.AF_UNIX,):
            raise AssertionError(f"a socket of family {family}")
        super().__init__(family, *more, **options)
socket.socket = Forbidden
def refused(*arguments, **options):
    raise AssertionError("names are looked up")
socket.getaddrinfo = refused
"""
"""What a ``sitecustomize`` does to every process that a command starts: none can open anything but a local line."""


def pandora(data: Path, *arguments: str, code: int = 0, **environment: str) -> Any:
    import os

    ran = subprocess.run(
        [sys.executable, "-m", "pandora_core.cli", "--data", str(data), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | environment,
        check=False,
    )
    assert ran.returncode == code, ran.stderr
    return json.loads(ran.stdout) if "--json" in arguments and ran.stdout else ran.stdout + ran.stderr


@pytest.fixture
def bell(tmp_path: Path) -> str:
    path = tmp_path / "bell.qasm"
    path.write_text(BELL)
    return str(path)


def test_a_job_without_an_engine_waits_until_somebody_runs_the_queue(tmp_path: Path, bell: str) -> None:
    data = tmp_path / "data"
    first = pandora(data, "jobs", "submit", bell, "--label", "first", "--json")
    assert (first["state"], first["reason"], first["position"]) == ("QUEUED", "no engine", 1)
    second = pandora(data, "jobs", "submit", bell, "--priority", "0", "--backend", "statevector", "--shots", "0",
                     "--wait", "--json")  # fmt: skip
    assert second["state"] == "DONE"
    assert second["simulated"] is True
    assert second["result"]["values"]["shares"] == pytest.approx({"00": 0.5, "11": 0.5})
    listed = pandora(data, "jobs", "list", "state:done", "--json")
    assert [job["id"] for job in listed["items"]] == [second["id"], first["id"]]
    assert listed["next"] is None


def test_jobs_are_cancelled_after_a_preview_and_submitted_anew(tmp_path: Path, bell: str) -> None:
    data = tmp_path / "data"
    made = [pandora(data, "jobs", "submit", bell, "--label", f"n{n}", "--json")["id"] for n in range(3)]
    shown = pandora(data, "jobs", "cancel", "--filter", "n1", "--json")
    assert [job["state"] for job in shown["items"]] == ["QUEUED"]
    done = pandora(data, "jobs", "cancel", "--filter", "n1", "--yes", "--json")
    assert [(job["id"], job["state"]) for job in done["items"]] == [(made[1], "CANCELLED")]
    again = pandora(data, "jobs", "rerun", made[1], "--backend", "statevector", "--json")
    assert (again["origin"], again["backend"], again["state"]) == (made[1], "statevector", "QUEUED")
    assert "is QUEUED" in pandora(data, "jobs", "retry", made[0], code=3)
    pandora(data, "jobs", "list", "state:cancelled", "--save", "gone")
    kept = pandora(data, "jobs", "list", "--filter", "gone", "--json")
    assert [job["id"] for job in kept["items"]] == [made[1]]


def test_what_is_too_large_or_unknown_is_refused_before_anything_starts(tmp_path: Path, bell: str) -> None:
    data = tmp_path / "data"
    wide = tmp_path / "wide.qasm"
    wide.write_text(BELL.replace("[2]", "[45]"))
    assert "GiB, more than the limit" in pandora(data, "jobs", "submit", str(wide), code=3)
    assert "no backend" in pandora(data, "jobs", "submit", bell, "--backend", "abacus", code=2)
    assert "'none', 'readout'" in pandora(data, "jobs", "submit", bell, "--mitigation", "hope", code=2)
    assert pandora(data, "jobs", "list", "--json")["items"] == []


def test_the_engine_has_the_queue_run(tmp_path: Path, bell: str) -> None:
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    process.start_engine(data)
    try:
        job = pandora(data, "jobs", "submit", bell, "--wait", "--json")
        assert (job["state"], job["reason"]) == ("DONE", "")
        assert process.running_pid(data, process.WORKER_LOCK_NAME) is not None
    finally:
        process.stop_engine(data)
    deadline = time.monotonic() + 10
    while process.running_pid(data, process.WORKER_LOCK_NAME) is not None:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_in_the_air_gap_no_socket_is_opened(tmp_path: Path, bell: str) -> None:
    data, site = tmp_path / "data", tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(SOCKETS_FORBIDDEN)
    gap = {"PANDORA_AIR_GAPPED": "1", "PYTHONPATH": f"{site}:{Path(__file__).parents[2]}"}
    assert "no network here" in pandora(data, "jobs", "submit", bell, "--backend", "ibm", code=3, **gap)
    waits = pandora(data, "jobs", "submit", bell, "--backend", "ibm", "--json")
    done = pandora(data, "jobs", "submit", bell, "--backend", "local:FakeManilaV2", "--wait", "--json", **gap)
    assert done["state"] == "DONE"
    assert pandora(data, "jobs", "show", waits["id"], "--json", **gap)["reason"] == "air-gapped"
    ran = subprocess.run(
        [sys.executable, "-c", "import socket; socket.socket(socket.AF_INET)"],
        env={"PYTHONPATH": str(site)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "a socket of family" in ran.stderr


def test_help_loads_no_qiskit() -> None:
    program = (
        "import sys\nfrom pandora_core.cli.main import run\n"
        "try:\n    run(arguments=sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('qiskit', 'numpy', 'scipy', 'sqlalchemy')])"
    )
    for command in (
        ["jobs", "--help"],
        ["quantum", "--help"],
        ["quantum", "bench", "--help"],
        ["jobs", "submit", "--help"],
    ):
        ran = subprocess.run([sys.executable, "-c", program, *command], capture_output=True, text=True, check=True)
        assert ran.stdout.strip().endswith("[]"), command


@pytest.mark.parametrize("form", ["qasm3", "qpy"])
def test_the_circuit_of_a_job_and_of_a_model_is_exported_and_computes_the_same(
    tmp_path: Path, bell: str, form: str
) -> None:
    from qiskit.quantum_info import Operator, Statevector

    from pandora_core.quantum.circuits import forms as circuits
    from pandora_core.quantum.models.featuremaps import FeatureMap
    from pandora_core.quantum.models.vqc import Ansatz, Vqc

    read = {"qasm3": lambda raw: circuits.from_qasm3(raw.decode()), "qpy": circuits.from_qpy}[form]
    data, model = tmp_path / "data", Vqc(FeatureMap(2, reps=1), Ansatz(2, reps=1), (0.1, 0.2, 0.3, 0.4))
    job = pandora(data, "jobs", "submit", bell, "--json")["id"]
    (tmp_path / "model.json").write_text(model.to_text())
    for what, name in ((job, "job"), (str(tmp_path / "model.json"), "model")):
        shape = pandora(data, "quantum", "export", what, "--format", form, "--output", str(tmp_path / name), "--json")
        assert (shape["format"], shape["size_bytes"]) == (form, (tmp_path / name).stat().st_size)
    ran = read((tmp_path / "job").read_bytes()).remove_final_measurements(inplace=False)
    assert Statevector(ran).equiv(
        Statevector.from_label("00").evolve(circuits.from_qasm3(BELL).remove_final_measurements(inplace=False))
    )
    made, expected = (
        read((tmp_path / "model").read_bytes()),
        circuits.classifier_circuit(model.feature_map, model.ansatz),
    )
    assert made.num_parameters == expected.num_parameters == 6
    numbers = [0.3, -0.4, 0.5, 0.6, -0.7, 0.8]
    bound = [each.remove_final_measurements(inplace=False).assign_parameters(numbers) for each in (made, expected)]
    assert Operator(bound[0]).equiv(Operator(bound[1]))


def test_an_exported_circuit_is_taken_in_and_run(tmp_path: Path, bell: str) -> None:
    data, path = tmp_path / "data", tmp_path / "again.qasm"
    job = pandora(data, "jobs", "submit", bell, "--json")["id"]
    pandora(data, "quantum", "export", job, "--output", str(path))
    done = pandora(data, "jobs", "submit", str(path), "--backend", "statevector", "--shots", "0", "--wait", "--json")
    assert done["result"]["values"]["shares"] == pytest.approx({"00": 0.5, "11": 0.5})


def test_the_comparison_has_everybody_s_latency_and_accuracy_on_the_same_rows(tmp_path: Path) -> None:
    found = pandora(tmp_path / "data", "quantum", "bench", "--rows", "6", "--qubits", "2", "--json")
    assert [row["name"] for row in found["items"]] == ["classical", "NumPy", "aer"]
    aer = found["items"][2]
    assert aer["label"] == "simulated: Aer, no noise"
    assert 0 < aer["execute_s"] < aer["total_s"]
    assert aer["submit_s"] + aer["queue_s"] <= aer["total_s"]
    assert all(0 <= row["accuracy"] <= 1 for row in found["items"])


def test_ibm_s_machines_are_listed_beside_what_is_here(tmp_path: Path) -> None:
    from tests import ibm_stand_in

    server = ibm_stand_in.serve()
    there = {
        "IAM_URL": server.url,
        "NO_PROXY": "",
        "PANDORA_SECRET_IBM_QUANTUM": "token",
        "PANDORA_IBM_INSTANCE": ibm_stand_in.CRN,
        "PANDORA_IBM_URL": "http://cloud.test",
        "PANDORA_IBM_PROXY": server.url,
    }
    try:
        found = pandora(tmp_path / "data", "quantum", "backends", "--ibm", "--json", **there)["items"]
    finally:
        server.shutdown()
        server.server_close()
    machine = next(row for row in found if row["name"] == "ibm:ibm_manila")
    assert (machine["where"], machine["simulated"], machine["what"]) == ("network", False, "5 qubits, 3 jobs wait")
    assert {"statevector", "aer", "local", "ibm"} <= {row["name"] for row in found}
