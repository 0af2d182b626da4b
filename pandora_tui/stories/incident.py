"""Owns how an incident is told: its story in order of time, its score taken apart, its alerts, what to check next.

All functions return lines of pieces for a width in cells; text from logs is made safe here.
"""

from __future__ import annotations

from pandora_core.detect.incidents.risk import whole_points
from pandora_core.detect.incidents.story import StoryLine
from pandora_core.store.rows import IncidentDetail
from pandora_tui.stories.advice import advice
from pandora_tui.stories.words import day_text, span_text
from pandora_tui.stories.wrapping import wrapped
from pandora_tui.style import Role, cell_width, fit, glyphs, safe_text, severity_mark
from pandora_tui.widgets.lines import Line
from pandora_tui.widgets.pieces import Piece

_HOST = 16
_TIME = 15
_ROLE_MARKS = {"before": "<", "after": ">"}


def heading(detail: IncidentDetail, width: int) -> Line:
    """A rule with severity, risk and id in it."""
    incident = detail.incident
    mark, rule = severity_mark(incident.severity), glyphs().rule
    text = f" {round(incident.risk)}  {len(incident.entities)} {_entities(len(incident.entities))} "
    left = [Piece(f"{rule * 2} ", Role.FAINT), Piece(str(mark), mark.role), Piece(text)]
    room = width - sum(cell_width(piece.text) for piece in left) - cell_width(incident.id) - 4
    return [*left, Piece(rule * max(0, room), Role.FAINT), Piece(f" {incident.id} {rule * 2}", Role.FAINT)]


def brief(detail: IncidentDetail, width: int, height: int) -> list[Line]:
    """The story, a line each, and what there is room for of the parts of the score."""
    lines: list[Line] = [story_line(line, width) for line in detail.story]
    rest = height - len(lines) - 1
    return [*lines, [], *_score(detail, width)[: max(0, rest)]] if rest > 1 else lines[:height]


def whole(detail: IncidentDetail, width: int) -> list[Line]:
    """Everything about an incident."""
    incident = detail.incident
    lines: list[Line] = [[Piece(f" {line}", Role.STRONG)] for line in wrapped(safe_text(incident.title), width - 2)]
    lines.append([Piece(f" {span_text(incident.first_seen_us, incident.last_seen_us)}", Role.MUTED)])
    lines += [[], *(story_line(line, width) for line in detail.story), [], *_score(detail, width), []]
    lines += _labelled("ATT&CK", (*incident.techniques, *incident.tactics), width)
    lines += _labelled("hosts", incident.hosts, width)
    lines += _labelled("users", incident.users, width)
    lines += [[], [Piece(" Alerts", Role.STRONG)]]
    for view in detail.alerts:
        text = safe_text(f"{view.alert.id}  {view.triage.state:<12}  {view.alert.title}", max(1, width - 2))
        lines.append([Piece(f" {text}")])
    return [*lines, [], *advice(detail.detections, width)]


def story_line(line: StoryLine, width: int) -> Line:
    """When, where, what, and the tactic on the right."""
    tactic = f" {line.tactic}" if line.tactic and width >= 70 else ""
    room = max(1, width - _TIME - _HOST - 4 - cell_width(tactic))
    role = Role.MUTED if line.role in _ROLE_MARKS else Role.TEXT
    return [
        Piece(f"{_ROLE_MARKS.get(line.role, ' ')}{day_text(line.at_us)[5:]} ", Role.MUTED),
        Piece(f"{fit(safe_text(line.host), _HOST)} ", Role.ACCENT if line.role not in _ROLE_MARKS else Role.MUTED),
        Piece(fit(safe_text(line.words), room), role),
        Piece(tactic, Role.FAINT),
    ]


def _score(detail: IncidentDetail, width: int) -> list[Line]:
    """The score as the sum of its parts; what rounds to nothing is one part of its own."""
    points = whole_points(detail.incident.contributions)
    lines: list[Line] = []
    for number, part in zip(points, detail.incident.contributions, strict=True):
        if number:
            sign = f"{sum(points):>4} = " if not lines else "     + "
            text = fit(safe_text(part.title), max(1, width - 12)).rstrip()
            lines.append([Piece(sign, Role.MUTED), Piece(f"{number:>3} ", Role.ACCENT), Piece(text)])
    return lines


def _labelled(label: str, words: tuple[str, ...], width: int) -> list[Line]:
    if not words:
        return []
    first, *rest = wrapped(safe_text(", ".join(words), 4_000), max(1, width - 11))
    return [
        [Piece(f" {fit(label, 8)} ", Role.MUTED), Piece(first)],
        *([Piece(" " * 10 + line)] for line in rest),
    ]


def _entities(count: int) -> str:
    return "entity" if count == 1 else "entities"
