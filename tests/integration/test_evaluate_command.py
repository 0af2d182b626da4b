"""``pandora evaluate``: a tiny company's labelled logs through the real engine."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pandora_core.cli.evaluate import evaluate
from pandora_core.evaluate import measure, read_truth, replay
from pandora_core.model import HOUR_US
from pandora_core.scenario import Plan, generate
from pandora_core.scenario.plan import MONDAY_US

PLAN = Plan(hosts=10, days=0.06, seed=4, start_us=MONDAY_US + 9 * HOUR_US, attack="ssh-bruteforce")


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    generate(PLAN, folder)
    return folder


def private(path: Path) -> Path:
    path.mkdir(mode=0o700)
    return path


def evaluated(*arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(evaluate, [*arguments, "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    shape: dict[str, Any] = json.loads(done.stdout)
    return shape


@pytest.fixture(scope="module")
def found(logs: Path) -> dict[str, Any]:
    return evaluated(str(logs))


def test_guessed_passwords_are_found_with_times_phases_and_detectors(found: dict[str, Any]) -> None:
    (attack,) = found["attacks"]
    assert (attack["id"], attack["name"]) == ("1", "ssh-bruteforce")
    assert attack["detected"] is not None
    assert attack["before_last_stage"] is True
    assert attack["begins"] <= attack["detected"] < attack["last_stage"]
    assert "credential-access" in attack["phases_seen"]
    assert found["detected"]["hits"] == found["detected"]["total"] == 1
    assert found["hosts"] == PLAN.hosts
    assert any(row["detector"] == "failed-logons" and row["true"] for row in found["detectors"])
    assert found["bad_lines"] == 0


def test_shares_lie_within_their_intervals(found: dict[str, Any]) -> None:
    for name in ("detected", "detected_before_last_stage", "precision", "precision_high", "recall"):
        rate = found[name]
        low, high = rate["interval_95"]
        assert rate["share"] is None or low <= rate["share"] <= high


def test_every_labelled_line_is_met_by_the_engine_under_its_number(logs: Path, tmp_path: Path) -> None:
    truth = read_truth(logs / "truth.ndjson")
    run = replay(logs, truth, private(tmp_path / "data"), lambda: MONDAY_US)
    labelled = sum(len(lines) for lines in truth.lines.values())
    assert labelled == len(run.stage_of_event) == sum(stage.events for stage in truth.stages) > 100
    lines = [json.loads(text) for text in (logs / "truth.ndjson").read_text("utf-8").splitlines()[1:]]
    assert {stage.phase for stage in truth.stages} == {line["phase"] for line in lines}


def test_the_truth_as_spans_of_entities_finds_the_same_attack(
    logs: Path, tmp_path: Path, found: dict[str, Any]
) -> None:
    lines = [json.loads(text) for text in (logs / "truth.ndjson").read_text("utf-8").splitlines()[1:]]
    spans: dict[tuple[str, str], list[str]] = {}
    for line in lines:
        spans.setdefault((line["phase"], line["entity"]), []).append(line["at"])
    path = tmp_path / "truth.csv"
    with path.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(("attack", "phase", "entity", "from", "until"))
        rows.writerows(("a", phase, entity, min(at), max(at)) for (phase, entity), at in spans.items())
    shape = evaluated(str(logs), "--truth", str(path), "--hosts", "7")
    assert shape["attacks"][0]["before_last_stage"] is True
    assert set(shape["attacks"][0]["phases"]) <= set(found["attacks"][0]["phases"])
    assert shape["hosts"] == 7


def test_the_same_logs_give_the_same_figures(logs: Path, tmp_path: Path, found: dict[str, Any]) -> None:
    truth = read_truth(logs / "truth.ndjson")
    again = measure(replay(logs, truth, private(tmp_path / "data"), lambda: MONDAY_US), truth)
    assert [result.seconds_to_detect for result in again.attacks] == [
        attack["seconds_to_detect"] for attack in found["attacks"]
    ]
    assert again.precision.hits == found["precision"]["hits"]


def test_people_get_tables(logs: Path) -> None:
    done = CliRunner().invoke(evaluate, [str(logs)], catch_exceptions=False)
    assert "attacks detected            1 of 1" in done.stdout
    assert "before their last stage" in done.stdout
    assert "false a host and day" in done.stdout
