"""What operators' actions on an alert add up to."""

from __future__ import annotations

from pandora_core.detect.incidents.triage import (
    ACKNOWLEDGED,
    CLOSED,
    NEW,
    Triage,
    conflicting,
    effective,
    fold,
    last_undoable,
)
from pandora_core.model import Action, ActionKind, Verdict


def act(number: int, kind: ActionKind, value: str = "", actor: str = "ann", undoes: int | None = None) -> Action:
    return Action(
        id=number, actor=actor, host="desk", at_us=number, subject="A-1", kind=kind, value=value, undoes=undoes
    )


ACK = act(1, ActionKind.ACKNOWLEDGE)
ASSIGN = act(2, ActionKind.ASSIGN, "bob")
VERDICT = act(3, ActionKind.VERDICT, "false positive")
CLOSE = act(4, ActionKind.CLOSE)


def test_an_alert_that_nobody_touched_is_new() -> None:
    assert fold([]) == Triage(state=NEW)


def test_actions_are_folded_in_the_order_of_their_ids() -> None:
    assert fold([CLOSE, ACK]).state == fold([ACK, CLOSE]).state == CLOSED


def test_the_last_verdict_and_assignee_hold() -> None:
    done = fold([ASSIGN, VERDICT, act(5, ActionKind.VERDICT, "true positive"), act(6, ActionKind.ASSIGN, "cleo")])
    assert (done.verdict, done.assignee) == (Verdict.TRUE_POSITIVE, "cleo")


def test_an_assignment_to_nobody_takes_it_back() -> None:
    assert fold([ASSIGN, act(5, ActionKind.ASSIGN)]).assignee is None


def test_what_was_undone_counts_for_nothing() -> None:
    done = fold([ACK, CLOSE, act(5, ActionKind.UNDO, undoes=4)])
    assert done.state == ACKNOWLEDGED
    assert done.last_action_id == 5


def test_reopening_leads_back_to_acknowledged_and_only_from_closed() -> None:
    assert fold([CLOSE, act(5, ActionKind.REOPEN)]).state == ACKNOWLEDGED
    assert fold([act(5, ActionKind.REOPEN)]).state == NEW


def test_notes_are_kept_in_order_and_change_no_state() -> None:
    notes = act(8, ActionKind.NOTE, "second"), act(7, ActionKind.NOTE, "first")
    done = fold(notes)
    assert [note.value for note in done.notes] == ["first", "second"]
    assert done.state == NEW


def test_effective_actions_neither_undo_nor_are_undone() -> None:
    assert effective([act(5, ActionKind.UNDO, undoes=4), CLOSE, ACK]) == [ACK]


def test_the_newest_own_action_that_stands_can_be_undone() -> None:
    others = act(9, ActionKind.ASSIGN, "x", actor="bob")
    assert last_undoable([ACK, CLOSE, others], "ann") == CLOSE
    assert last_undoable([ACK, CLOSE, act(5, ActionKind.UNDO, undoes=4), others], "ann") == ACK
    assert last_undoable([others], "ann") is None


def test_the_first_change_by_somebody_else_after_what_was_seen_conflicts() -> None:
    bobs = act(5, ActionKind.ACKNOWLEDGE, actor="bob")
    assert conflicting([ACK, bobs, act(6, ActionKind.CLOSE, actor="bob")], 1, "ann") == bobs
    assert conflicting([ACK, bobs], 5, "ann") is None
    assert conflicting([ACK, bobs], 1, "bob") is None


def test_a_note_or_tag_of_somebody_else_does_not_conflict() -> None:
    assert (
        conflicting([act(5, ActionKind.NOTE, "hm", actor="bob"), act(6, ActionKind.TAG, actor="bob")], 0, "ann")
        is None
    )
