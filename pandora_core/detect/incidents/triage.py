"""Owns what an alert's actions add up to: its state, who has it, the verdict and the notes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pandora_core.model import Action, ActionKind, Verdict

NEW, ACKNOWLEDGED, CLOSED = "new", "acknowledged", "closed"

_CONFLICTING = frozenset(ActionKind) - {ActionKind.NOTE, ActionKind.TAG, ActionKind.SUPPRESS, ActionKind.ASSESSMENT}


@dataclass(frozen=True, slots=True)
class Triage:
    """The state of one alert after all of its actions; ``last_action_id`` is what a further action must have seen."""

    state: str = NEW
    assignee: str | None = None
    verdict: Verdict | None = None
    notes: tuple[Action, ...] = ()
    last_action_id: int = 0
    last_actor: str | None = None


def fold(actions: Iterable[Action]) -> Triage:
    """The state that actions lead to, in the order of their ids; what was undone counts for nothing."""
    ordered = sorted(actions, key=lambda action: action.id)
    state, assignee, verdict, notes = NEW, None, None, []
    for action in effective(ordered):
        if action.kind is ActionKind.NOTE:
            notes.append(action)
        elif action.kind is ActionKind.ASSIGN:
            assignee = action.value or None
        elif action.kind is ActionKind.VERDICT:
            verdict = Verdict(action.value)
        else:
            state = _next_state(state, action.kind)
    last = ordered[-1] if ordered else None
    return Triage(state, assignee, verdict, tuple(notes), last.id if last else 0, last.actor if last else None)


def effective(actions: Iterable[Action]) -> list[Action]:
    """The actions that count, in the order of their ids: neither undone nor undoing."""
    ordered = sorted(actions, key=lambda action: action.id)
    undone = {action.undoes for action in ordered if action.kind is ActionKind.UNDO}
    return [action for action in ordered if action.id not in undone and action.kind is not ActionKind.UNDO]


def last_undoable(actions: Iterable[Action], actor: str) -> Action | None:
    """The actor's newest action on a subject that has not been undone yet."""
    mine = [action for action in effective(actions) if action.actor == actor]
    return mine[-1] if mine else None


def conflicting(actions: Iterable[Action], seen_id: int, actor: str) -> Action | None:
    """The first action of somebody else after ``seen_id`` that changed the subject's state, if there is one."""
    later = (a for a in actions if a.id > seen_id and a.actor != actor and a.kind in _CONFLICTING)
    return min(later, key=lambda action: action.id, default=None)


def _next_state(state: str, kind: ActionKind) -> str:
    if kind is ActionKind.ACKNOWLEDGE:
        return ACKNOWLEDGED
    if kind is ActionKind.CLOSE:
        return CLOSED
    if kind is ActionKind.REOPEN:
        return ACKNOWLEDGED if state == CLOSED else state
    return state
