"""Suppressions: with a reason and an end, about later detections only, and taken back by whoever is on shift."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pandora_core.detect.behaviour import Fired
from pandora_core.detect.incidents.suppress import SUBJECT, Wish, suppressed, suppressions_of, value_of
from pandora_core.model import Action, ActionKind, Detection, EntityRef

SCAN = Fired(
    Detection("d1", "scan", EntityRef("address", "10.0.0.9"), 5, 5, 1, 50.0, "Scan of 3 hosts", ("why",)), 7, 5
)


def action(number: int, wish: Wish | str, event_id: int = 0) -> Action:
    value = wish if isinstance(wish, str) else value_of(wish)
    return Action(number, "ann", "soc-1", 0, SUBJECT, ActionKind.SUPPRESS, value, event_id=event_id)


def counted(*actions: Action) -> float:
    return suppressed(SCAN, suppressions_of(actions)).detection.points


@pytest.mark.parametrize(
    "wish",
    [
        Wish("ours", 6, entity="address:10.0.0.9"),
        Wish("ours", 6, entity="address:10.0.0.*", detector="scan"),
        Wish("ours", 6, title="scan of*"),
    ],
)
def test_what_fits_counts_for_nothing_and_says_why(wish: Wish) -> None:
    found = suppressed(SCAN, suppressions_of([action(1, wish)])).detection
    assert found.points == 0
    assert found.reasons[0] == "why"
    assert found.reasons[1].startswith("suppressed by ann until 1970-01-01T00:00 UTC: ours")


@pytest.mark.parametrize(
    "wish",
    [
        Wish("another host", 6, entity="address:10.0.0.8"),
        Wish("only half fits", 6, entity="address:10.0.0.9", detector="beacon"),
        Wish("ended", 5, detector="scan"),
    ],
)
def test_what_does_not_fit_or_comes_after_the_end_counts(wish: Wish) -> None:
    assert counted(action(1, wish)) == 50


BACKUP = EntityRef("address", "203.0.113.5")


@pytest.mark.parametrize(
    ("related", "is_heard"),
    [
        ((BACKUP,), False),
        ((BACKUP, EntityRef("address", "203.0.113.6")), False),
        ((BACKUP, EntityRef("address", "198.51.100.7")), True),
        ((), True),
        (tuple(EntityRef("address", f"203.0.113.{n}") for n in range(8)), True),
    ],
    ids=["the one", "all of many", "one of two", "nobody", "perhaps more"],
)
def test_an_allowed_peer_hides_only_what_has_no_other(related: tuple[EntityRef, ...], is_heard: bool) -> None:
    upload = SCAN._replace(detection=replace(SCAN.detection, detector="upload", related=related))
    found = suppressed(upload, suppressions_of([action(1, Wish("backup", 6, peer="203.0.113.*"))]))
    assert (found.detection.points > 0) is is_heard


def test_what_fired_before_it_was_said_keeps_its_points() -> None:
    assert counted(action(1, Wish("ours", 6, detector="scan"), event_id=7)) == 50
    assert counted(action(1, Wish("ours", 6, detector="scan"), event_id=6)) == 0


def test_a_suppression_that_was_taken_back_is_none() -> None:
    made = action(1, Wish("ours", 6, detector="scan"))
    undone = replace(made, id=2, actor="bob", kind=ActionKind.UNDO, undoes=1)
    assert counted(made, undone) == 50


def test_what_cannot_be_read_or_would_suppress_everything_counts_for_nothing() -> None:
    assert suppressions_of([action(1, "{"), action(2, Wish("all", 6)), action(3, '{"reason": 5}')]) == ()
