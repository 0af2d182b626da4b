"""Owns what the Network screen says in words: ranked moves, walks, blast radius and plans, as lines for a width."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pandora_core.detect.words import amount
from pandora_core.model import Severity
from pandora_tui.commands import NODE_MODES
from pandora_tui.stories.words import day_text
from pandora_tui.stories.wrapping import wrapped
from pandora_tui.style import Role, cell_width, fit, glyphs, safe_text, severity_mark
from pandora_tui.survey.sights import DAYS, Look, severity_of_bits
from pandora_tui.widgets.lines import Line
from pandora_tui.widgets.pieces import Piece

if TYPE_CHECKING:
    from pandora_tui.survey.sights import (
        Picture,
        ShownMove,
        ShownPlans,
        ShownProposal,
        ShownRoute,
        ShownTie,
        ShownTies,
    )


def moves_lines(picture: Picture, chosen: int, width: int, height: int) -> list[Line]:
    """Ranked moves from the one that keeps the chosen one in view; below it its reasons, where there is room."""
    if picture.verdict:
        return _texts(picture.verdict, width, Role.MUTED)
    listed = height - 1 if height < 16 else max(5, height * 3 // 5)
    top = max(0, min(chosen - listed + 1, len(picture.moves) - listed)) if chosen >= listed else 0
    lines: list[Line] = [_heading("Ranked moves", width)]
    shown = picture.moves[top : top + listed]
    lines += [_move(one, number, number == chosen, width) for number, one in enumerate(shown, top)]
    if 0 <= chosen < len(picture.moves) and height - len(lines) > 2:
        lines.append([])
        for reason in picture.moves[chosen].reasons:
            lines += _texts(reason, width)
    elif picture.chains and height - len(lines) > 2:
        lines += [[], _heading("Chains of moves", width)]
        for words, by_chance in picture.chains:
            lines += _texts(f"{words}: {by_chance:.2g} expected by chance", width)
    return lines[:height]


def paths_lines(host: str, found: Sequence[ShownRoute], has_jewels: bool, width: int, height: int) -> list[Line]:
    """Likely routes to what must not fall, each hop with its evidence where there is room."""
    lines: list[Line] = [_heading(f"Paths from {host}", width)]
    if not found:
        why = "no known log-on leads there" if has_jewels else "no host is tagged jewel, or looks like one"
        return [*lines, *_texts(f"insufficient evidence: {why}", width)]
    has_room = height >= sum(1 + len(route.steps) for route in found)
    for route in found:
        lines += _texts(f"{route.chance:.0%}  {route.words}", width, Role.STRONG)
        for target, evidence in route.steps if has_room else ():
            lines += _texts(f"{target}: {evidence}", width, Role.MUTED, indent=6)
    return lines[:height]


def walk_words(picture: Picture, chosen: int) -> tuple[str, str]:
    """What the quantum walk and the classical walk say of the chosen move, and which of them is believed."""
    scores = [f"{walk} {bits:.2f}" for walk, bits in picture.scores]
    against = f"surprise at new ways: {', '.join(scores)} bits" if scores else "too little history to tell them apart"
    used = f"the {picture.best_walk} counts: {against}"
    if not 0 <= chosen < len(picture.moves):
        return "tab goes to the strongest move; w steps both walks from a host", used
    one = picture.moves[chosen]
    said = ", ".join(f"{name} {bits:.1f}" for name, bits in sorted(one.walk_bits.items()))
    return f"bits from {one.source} to {one.target} before: {said or 'no walk can say'}", used


def blast_lines(host: str, chances: dict[str, tuple[float, ...]], width: int, height: int) -> list[Line]:
    """Who is lost, how likely and when, if a host falls."""
    lines: list[Line] = [_heading(f"If {host} falls", width)]
    if not chances:
        return [*lines, *_texts("insufficient evidence: no log-on that is known leads on from there", width)]
    days = "".join(f"{f'{day:g} d':>6}" for day in DAYS)
    lines.append([Piece(fit(f"   {'host':<{max(4, width - 4 - len(days))}}{days}", width), Role.MUTED)])
    for name, found in list(chances.items())[: max(0, height - 2)]:
        mark = severity_mark(_of_chance(found[-1]))
        text = f"{fit(safe_text(name, width), max(4, width - 4 - len(days)))}" + "".join(f"{c:>6.0%}" for c in found)
        lines.append([Piece(f" {mark.glyph} ", mark.role), Piece(text)])
    return lines


def plans_lines(found: ShownPlans, width: int, height: int) -> list[Line]:
    """Every solver's plan side by side, and what the served one asks for."""
    fallen = ", ".join(found.fallen)
    lines: list[Line] = [_heading(f"Containment of {fallen}", width)]
    for one in found.proposals:
        lines += _proposal(one, width)
    lines += _texts(found.reason, width, Role.ACCENT)
    if found.measures is not None:
        measures = [f" [ ] {safe_text(measure, max(1, width - 6))}" for measure in found.measures]
        room = max(1, height - len(lines) - 2)
        left = len(measures) - room
        more = [f" … and {left} more: e writes them all" if left > 0 else " e writes this as a checklist"]
        lines += [[Piece(fit(line, width))] for line in (*measures[:room], *more)]
    return lines[:height]


def ties_lines(found: ShownTies, width: int, height: int) -> list[Line]:
    """What joins a node to others, the heaviest first."""
    lines: list[Line] = [_heading(f"{found.name}: {amount(found.in_all, 'tie')}", width)]
    room = max(1, height - 1)
    lines += [_tie(one, width) for one in found.ties[:room]]
    if found.in_all > room:
        lines[-1] = said(f"… and {found.in_all - room + 1:,} more: pandora graph ties {found.name!r}", width)
    return lines


def note(picture: Picture, at_us: int | None, look: Look) -> str:
    """For the top line: how large the graph is, and of when."""
    when = f"at {day_text(at_us)[5:16]}" if at_us is not None else f"to {day_text(picture.at_us)[5:16]}"
    limit = f"only {look.words}  " if look.words else ""
    kinds = ["host"] if look.nodes == NODE_MODES[0] else list(picture.counts)
    shown = [kind for kind in kinds if kind == "host" or look.nodes in (f"{kind}s", NODE_MODES[3])]
    many = "  ".join(amount(picture.counts[kind], kind) for kind in shown)
    return f"{limit}{when}  {many}  {amount(picture.moves_in_all, 'move')}"


def said(text: str, width: int) -> Line:
    """One line of words under the canvas."""
    return [Piece(fit(f" {safe_text(text, max(1, width - 2))}", width), Role.MUTED)]


def _heading(text: str, width: int) -> Line:
    """Words in a rule."""
    rule, words = glyphs().rule, f" {safe_text(text, max(1, width - 6))} "
    return [
        Piece(rule * 2, Role.FAINT),
        Piece(words, Role.STRONG),
        Piece(rule * max(0, width - 2 - cell_width(words)), Role.FAINT),
    ]


def _move(one: ShownMove, number: int, is_chosen: bool, width: int) -> Line:
    mark = severity_mark(severity_of_bits(one.bits))
    text = f"{one.source} → {one.target} {one.user or '?'}"
    action = f"screen.choose_move({number})"
    cursor = glyphs().cursor if is_chosen else " "
    room = max(1, width - 8 - len(mark.word) - 2)
    return [
        Piece(cursor, Role.ACCENT, action),
        Piece(f"{one.bits:5.1f} ", Role.STRONG if is_chosen else Role.TEXT, action),
        Piece(f"{mark.glyph} {fit(mark.word, 4)} ", mark.role, action),
        Piece(fit(safe_text(text, room), room), Role.STRONG if is_chosen else Role.TEXT, action),
    ]


def _tie(one: ShownTie, width: int) -> Line:
    arrow = "→" if one.is_out else "←"
    rights = ", admin" if one.is_elevated else ""
    seen = f"{one.count:,}x {day_text(one.first_us)[5:10]} to {day_text(one.last_us)[5:10]}"
    room = max(8, width - cell_width(seen) - 3)
    text = fit(safe_text(f"{arrow} {one.other}  {one.kind}{rights}", room), room)
    return [Piece(f" {text} "), Piece(seen, Role.MUTED)]


def _proposal(one: ShownProposal, width: int) -> list[Line]:
    cost = f"{one.cost:7.1f}" if one.cost is not None else "      -"
    proved = " proved" if one.is_optimal else ""
    label = " simulated" if one.is_simulated else ""
    head = fit(f" {fit(one.solver, 14)}{cost}{proved}{label}", width)
    return [
        [Piece(head, Role.MUTED if one.cost is None else Role.TEXT)],
        *_texts(one.words, width, Role.MUTED, indent=3),
    ]


def _texts(text: str, width: int, role: Role = Role.TEXT, indent: int = 1) -> list[Line]:
    lines = wrapped(safe_text(text), max(1, width - indent - 1))
    return [[Piece(" " * indent + line, role)] for line in lines]


def _of_chance(chance: float) -> Severity:
    floors = ((0.75, Severity.CRITICAL), (0.5, Severity.HIGH), (0.25, Severity.MEDIUM), (0.05, Severity.LOW))
    return next((severity for floor, severity in floors if chance >= floor), Severity.INFORMATIONAL)
