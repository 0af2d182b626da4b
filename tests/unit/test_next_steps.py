"""What to check next: every detector has a way, and its searches are ones that the command understands."""

from __future__ import annotations

import shlex
from dataclasses import replace

import pytest
from click.testing import CliRunner

from pandora_core.cli.main import root
from pandora_core.detect.incidents.next_steps import BY_DETECTOR, BY_TACTIC, MAX_PIVOTS, next_steps, next_steps_of
from pandora_core.detect.pipeline import BUILT_IN
from pandora_core.detect.signs.book import BOOK
from pandora_core.model import Detection, EntityRef

MADE = {getattr(maker, "name", "") for maker in BUILT_IN} | {"success-after-failures"}
NAMES = sorted(MADE - {"", "host-signs"})
MOVE = Detection(
    "d1", "first-logon", EntityRef("host", "ws-5"), 10**15, 10**15, 1, 45.0, "a move", (),
    tactics=("lateral-movement",), hosts=("ws-5", "ws-6"), users=("eve",),
    related=(EntityRef("address", "10.0.0.6"),),
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_every_detector_says_what_to_check_next(name: str) -> None:
    assert 2 <= len(BY_DETECTOR[name].checks) <= 3
    assert next_steps(replace(MOVE, detector=name)).pivots


@pytest.mark.parametrize("tactic", sorted({tactic for sign in BOOK.by_name.values() for tactic in sign.tactics[:1]}))
def test_every_sign_says_what_to_check_next_of_its_own_tactic(tactic: str) -> None:
    steps = next_steps(replace(MOVE, detector="host-signs", tactics=(tactic,)))
    assert steps.checks == BY_TACTIC[tactic].checks
    assert 2 <= len(steps.checks) <= 3
    assert steps.pivots


@pytest.mark.parametrize("name", [*BY_DETECTOR, *BY_TACTIC])
def test_every_search_is_one_that_the_command_understands(name: str) -> None:
    is_detector = name in BY_DETECTOR
    detection = replace(MOVE, detector=name if is_detector else "new", tactics=() if is_detector else (name,))
    for pivot in next_steps(detection).pivots:
        words = shlex.split(pivot.command)
        assert words[:3] == ["pandora", "events", "search"]
        done = CliRunner().invoke(root, [*words[1:], "--help"], standalone_mode=False)
        assert done.exception is None


def test_the_search_is_about_the_detection_and_its_time() -> None:
    (there, *_) = next_steps(MOVE).pivots
    assert there.observable == "ws-6"
    assert there.from_us is not None
    assert there.to_us is not None
    assert there.from_us < MOVE.first_seen_us <= MOVE.last_seen_us < there.to_us


def test_hostile_names_stay_one_word_of_the_command() -> None:
    (_, who, *_) = next_steps(replace(MOVE, users=("a; rm -rf /",))).pivots
    assert "a; rm -rf /" in shlex.split(who.command)


def test_several_detections_give_each_search_once() -> None:
    steps = next_steps_of([MOVE, replace(MOVE, id="d2", detector="scan"), replace(MOVE, id="d3")])
    assert len(steps.pivots) == len({pivot.command for pivot in steps.pivots}) <= MAX_PIVOTS
    assert len(steps.checks) == len(set(steps.checks))
