"""Owns how the second opinion is told: an alert's quantum figure beside its control, and how the tier stands.

All functions return lines of pieces for a width in cells; simulated and hardware figures are labelled apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pandora_core.detect.incidents.assessment import (
    Assessment,
    Figure,
    Outcome,
    assessments_of,
    standing_text,
    summary,
)
from pandora_core.model import Action, ActionKind
from pandora_core.store.rows import WAITING, AlertDetail, Escalation
from pandora_tui.stories.words import time_text
from pandora_tui.stories.wrapping import wrapped
from pandora_tui.style import Role, fit, glyphs, safe_text
from pandora_tui.widgets.lines import Line
from pandora_tui.widgets.pieces import Piece

if TYPE_CHECKING:  # a console's start loads nothing of the quantum tier
    from pandora_core.quantum.tier.card import MemberCard
    from pandora_core.quantum.tier.policy import Breaker
    from pandora_core.tier_standing import Standing

_LABEL = 10
_BREAKERS = {"closed": Role.GOOD, "half-open": Role.WARN, "open": Role.BAD}


def opinion(detail: AlertDetail, width: int) -> list[Line]:
    """The second opinion on an alert: what is waited for, and the newest that came; nothing where nobody asked."""
    lines: list[Line] = []
    escalation = detail.escalation
    if escalation is not None and escalation.state == WAITING:
        lines += _said("quantum", _waiting_text(escalation), width, Role.ACCENT)
    told = assessments_of(detail.actions)
    if told:
        lines += _told(told[-1], width)
    return lines


def action_text(action: Action) -> str:
    """What an action did, in one line."""
    found = assessments_of([action]) if action.kind is ActionKind.ASSESSMENT else []
    return f"assessment {summary(found[0])}" if found else f"{action.kind.value} {action.value}".strip()


def tier(found: Standing, width: int) -> list[Line]:
    """How the tier stands, in a few lines; nothing where it has no model."""
    if not found.number:
        return []
    card = found.card
    lines = [_tier_line(found, width)]
    if card is not None:
        lines += [_member("quantum", card.quantum, width), _member("classical", card.control, width)]
    return [*lines, _line("novelty", found.novelty, width, Role.GOOD if found.screens else Role.MUTED)]


def _told(found: Assessment, width: int) -> list[Line]:
    if found.outcome is not Outcome.DONE:
        return _said("quantum", standing_text(found), width, Role.WARN)
    sides = (("quantum", found.quantum), ("exact", found.exact), ("classical", found.control))
    lines = [_figure(label, figure, width) for label, figure in sides if figure is not None]
    flows = f"{len(found.events)} flow{'s' if len(found.events) != 1 else ''}"
    how = f"{found.label}, {found.shots:,} shots, seed {found.seed}, {flows}, model {found.model}, {found.job}"
    lines += _said("", how, width, Role.MUTED)
    return lines + (_said("", found.why, width, Role.WARN) if found.why else [])


def _figure(label: str, figure: Figure, width: int) -> Line:
    """The share first: it is what kernels can be compared by."""
    verdict = "novel" if figure.is_novel else "ordinary"
    text = f"{100 * figure.rarity:.2g} % of benign flows are as strange: {verdict}  {glyphs().low} {figure.kernel}"
    return _line(label, text, width, Role.WARN if figure.is_novel else Role.TEXT)


def _waiting_text(escalation: Escalation) -> str:
    until = time_text(escalation.deadline_us)
    return (
        f"waiting until {until} UTC for {escalation.job_id} on {escalation.backend}; then the classical result stands"
    )


def _tier_line(found: Standing, width: int) -> Line:
    rules = found.rules
    pieces = [
        Piece(f" {fit('tier', _LABEL)} ", Role.MUTED),
        Piece(found.state, Role.GOOD if found.state == "on" else Role.WARN),
        Piece(f"  {found.used} of {rules.per_hour} this hour, {found.waiting} waited for"),
        *(piece for name, each in found.breakers.items() for piece in _breaker(name, each)),
    ]
    return _cut(pieces, width)


def _breaker(name: str, found: Breaker) -> list[Piece]:
    until = f" until {time_text(found.until_us)}" if found.state.value == "open" else ""
    return [Piece(f"  {name} ", Role.MUTED), Piece(f"{found.state.value}{until}", _BREAKERS[found.state.value])]


def _member(label: str, card: MemberCard, width: int) -> Line:
    return _line(label, f"{card.verdict.text}  {glyphs().low} {card.name}", width, Role.TEXT)


def _line(label: str, text: str, width: int, role: Role) -> Line:
    room = max(1, width - _LABEL - 3)
    return [Piece(f" {fit(label, _LABEL)} ", Role.MUTED), Piece(fit(safe_text(text), room).rstrip(), role)]


def _said(label: str, text: str, width: int, role: Role) -> list[Line]:
    first, *rest = wrapped(safe_text(text), max(1, width - _LABEL - 3))
    lines: list[Line] = [[Piece(f" {fit(label, _LABEL)} ", Role.MUTED), Piece(first, role)]]
    return lines + [[Piece(" " * (_LABEL + 2) + line, role)] for line in rest]


def _cut(pieces: list[Piece], width: int) -> Line:
    """As many cells of the pieces as fit."""
    made: Line = []
    room = width
    for piece in pieces:
        text = fit(safe_text(piece.text), min(room, len(piece.text)))
        made.append(piece._replace(text=text))
        room -= len(text)
        if room <= 0:
            break
    return made
