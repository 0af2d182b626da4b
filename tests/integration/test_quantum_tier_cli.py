"""``pandora quantum tier`` from training on labelled flows to its standing."""

from __future__ import annotations

import csv
import json
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from escalating import Scene, flow

from pandora_core.model import ActionKind, Verdict
from pandora_core.store.escalations import Escalations
from pandora_core.store.operator import Operator
from pandora_core.store.sqlite import FILE_NAME
from pandora_core.store.store import Store

HEADER = (
    "StartTime", "Dur", "Proto", "SrcAddr", "Sport", "Dir", "DstAddr", "Dport", "State", "sTos", "dTos", "TotPkts",
    "TotBytes", "SrcBytes", "Label",
)  # fmt: skip


def pandora(data: Path, *arguments: str, code: int = 0) -> Any:
    ran = subprocess.run(
        [sys.executable, "-m", "pandora_core.cli", "--data", str(data), *arguments],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert ran.returncode == code, ran.stderr
    return json.loads(ran.stdout) if "--json" in arguments else ran.stdout + ran.stderr


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Flows of a bidirectional NetFlow log with labels: too few types of attacks to validate anything."""
    rng = random.Random(0)
    path = tmp_path_factory.mktemp("flows") / "labelled.binetflow"
    with path.open("w", newline="") as sink:
        writer = csv.writer(sink)
        writer.writerow(HEADER)
        for number in range(300):
            is_attack = number % 20 == 0
            label = "flow=From-Botnet-V1" if is_attack else "flow=From-Normal-V1"
            time = f"2026/01/01 10:{number // 60:02}:{number % 60:02}.000000"
            packets = rng.randint(2, 20)
            writer.writerow(
                [time, f"{rng.random():.3f}", "tcp", f"10.0.0.{number % 9}", 40000 + number, "->", "192.0.2.1",
                 6667 if is_attack else 443, "FSPA_FSPA", 0, 0, packets, packets * 300, packets * 100, label]
            )  # fmt: skip
    return path


def test_a_model_is_trained_used_and_switched_off(labelled: Path, tmp_path: Path) -> None:
    assert pandora(tmp_path, "quantum", "tier", "--json")["model"] is None
    made = pandora(tmp_path, "quantum", "tier", "train", "--dataset", str(labelled), "--json")
    assert made["state"] == "on"
    assert made["schema"].startswith("flow/")
    assert made["about"]["dataset"] == "labelled.binetflow"
    assert made["about"]["reference_rows"] > 0
    assert made["members"]["quantum"]["kernel"].startswith("fidelity")
    assert not made["members"]["quantum"]["on"]
    assert made["novelty"]["screens"] is None
    assert (made["escalation"]["per_hour"], made["escalation"]["used"]) == (20, 0)
    assert pandora(tmp_path, "quantum", "tier", "off", "--json")["model"] is None
    assert pandora(tmp_path, "quantum", "tier", "on", made["model"], "--json") == made
    told = pandora(tmp_path, "quantum", "tier")
    assert made["model"] in told
    assert "not validated" in told
    assert "consent to IBM not given" in told


def test_what_operators_said_of_alerts_is_learnt_from_beside_a_file(labelled: Path, tmp_path: Path) -> None:
    scene = Scene(tmp_path, use=False)
    alert = scene.alert(*(flow(second) for second in range(5)))
    Operator(scene.store, "ann", "soc-1").act(alert.id, ActionKind.VERDICT, Verdict.BENIGN, at_us=1)
    scene.store.close()
    alone = pandora(tmp_path, "quantum", "tier", "train", "--dataset", str(labelled), "--json")
    both = pandora(
        tmp_path, "quantum", "tier", "train", "--dataset", str(labelled), "--dataset", "verdicts", "--json"
    )
    assert both["about"]["dataset"] == "labelled.binetflow and verdicts"
    assert both["about"]["dataset_sha256"] != alone["about"]["dataset_sha256"]
    assert both["model"] != alone["model"]


def test_verdicts_alone_are_too_few_until_there_are_some(tmp_path: Path) -> None:
    Scene(tmp_path, use=False).store.close()
    told = pandora(tmp_path, "quantum", "tier", "train", "--dataset", "verdicts", code=1)
    assert "no alert with a verdict shows a flow" in told


def test_a_model_that_is_not_there_is_not_used(tmp_path: Path) -> None:
    assert "tier train" in pandora(tmp_path, "quantum", "tier", "on", "0" * 16, code=1)


def test_data_of_other_features_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("a,b,label\n" + "1,2,normal\n" * 5)
    assert pandora(tmp_path / "data", "quantum", "tier", "train", "--dataset", str(table), code=1)


def test_the_standing_has_budget_breakers_and_what_came_of_it(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.now_us = time.time_ns() // 1000
    for number in range(3):
        scene.alert(flow(number), name=f"ws-{number}")
        scene.escalator().tend()
        scene.fail(scene.job())
        scene.escalator().tend()
    scene.alert(flow(5), name="ws-5")
    scene.escalator().tend()
    scene.store.close()
    found = pandora(tmp_path, "quantum", "tier", "--json")
    assert found["escalation"]["used"] == 3
    assert [(each["backend"], each["state"], each["failures"]) for each in found["breakers"]] == [("aer", "open", 3)]
    assert found["outcomes"] == {"failed": 3, "breaker": 1}
    assert found["members"]["control"]["gain"] == -0.05
    told = pandora(tmp_path, "quantum", "tier")
    assert "3 of 20 in the last hour" in told
    assert "3 failures in a row" in told


def test_a_changed_model_is_said_to_be_changed(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.store.close()
    (path,) = (tmp_path / "quantum-models").glob("*.json")
    path.write_text(path.read_text().replace("made up", "made down"))
    assert "not what was saved" in pandora(tmp_path, "quantum", "tier", "--json")["state"]
    store = Store(tmp_path / FILE_NAME)
    assert Escalations(store).model() == scene.model
    store.close()
