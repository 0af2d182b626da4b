"""``pandora quantum patterns`` on the alerts of a store."""

from __future__ import annotations

import json
from pathlib import Path

from click.testing import CliRunner
from escalating import Scene, flow

from pandora_core.cli.quantum import quantum


def run(data: Path, *arguments: str) -> tuple[int, str]:
    ran = CliRunner().invoke(quantum, ["patterns", *arguments], obj=data)
    return (1 if ran.exception is not None and ran.exit_code else ran.exit_code), ran.output


def test_the_patterns_of_the_alerts_at_the_top_and_of_one(tmp_path: Path) -> None:
    scene = Scene(tmp_path, use=False)
    alert = scene.alert(flow(1), name="ws-1")
    scene.alert(flow(2), name="ws-2")
    scene.store.close()
    code, told = run(tmp_path, "--json")
    assert code == 0
    found = json.loads(told)
    assert found["subject"] == "the 2 alerts at the top"
    assert (found["detections"], found["patterns"]) == (2, 1)
    assert found["facts"] == ["host ws-1", "host ws-2"]
    assert [each["needed"] for each in found["served"]["patterns"]] == [True]
    code, told = run(tmp_path, alert.id)
    assert code == 0
    assert "nothing is left to choose" in told


def test_without_alerts_and_with_two_subjects_it_says_what_is_wrong(tmp_path: Path) -> None:
    Scene(tmp_path, use=False).store.close()
    assert run(tmp_path)[0] != 0
    assert run(tmp_path, "A-1", "--top", "3")[0] != 0
