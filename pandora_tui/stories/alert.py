"""Owns how one alert is told: the score taken apart, the reasons, who and where, the events, and what was done.

All functions return lines of pieces for a width in cells; text from logs is made safe here.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import cycle

from pandora_core.detect.incidents.risk import whole_points
from pandora_core.detect.incidents.triage import ACKNOWLEDGED, CLOSED, NEW
from pandora_core.model import Action, Alert, EntityRef
from pandora_core.store.rows import AlertDetail, AlertView, EventRow
from pandora_tui.stories.advice import advice
from pandora_tui.stories.opinion import action_text, opinion
from pandora_tui.stories.words import event_text, place_text, span_text, time_text
from pandora_tui.stories.wrapping import wrapped
from pandora_tui.style import Role, cell_width, fit, glyphs, safe_text, severity_mark
from pandora_tui.widgets.lines import Line
from pandora_tui.widgets.pieces import Piece, width_of

STATE_ROLES = {NEW: Role.ACCENT, ACKNOWLEDGED: Role.TEXT, CLOSED: Role.FAINT}

_LABEL = 9
_POINTS = 11


def heading(view: AlertView, width: int) -> Line:
    """A rule with severity, entity and id in it."""
    alert = view.alert
    mark = severity_mark(alert.severity)
    rule = glyphs().rule
    room = max(8, width - 26)
    left = [
        Piece(f"{rule}{rule} ", Role.FAINT),
        Piece(f"{mark} ", mark.role),
        Piece(safe_text(f" {alert.entity.name} ", room), Role.STRONG),
    ]
    right = [Piece(f" {alert.id} ", Role.MUTED), Piece(rule * 2, Role.FAINT)]
    gap = width - width_of(left) - width_of(right)
    if gap < 1:
        return [*left, Piece(rule * max(0, width - width_of(left)), Role.FAINT)]
    return [*left, Piece(rule * gap, Role.FAINT), *right]


def brief(detail: AlertDetail, width: int, height: int) -> list[Line]:
    """As much of an alert as ``height`` lines hold: everything if it fits, else the best of each part."""
    whole = [*story(detail, width), *_events_part(detail, width)]
    if len(whole) <= height:
        return whole
    alert = detail.view.alert
    reasons = [_bullet(reason, width) for reason in alert.reasons]
    parts, why, events = _shares((len(alert.contributions), len(reasons), len(detail.events)), height - 2)
    return [
        standing(detail.view, width),
        *score(alert, width, most=parts, is_wrapped=False),
        *reasons[:why],
        _where(alert, width),
        *(event_line(row, width) for row in detail.events[:events]),
    ]


def story(detail: AlertDetail, width: int) -> list[Line]:
    """All of an alert but its events."""
    alert = detail.view.alert
    lines: list[Line] = [[Piece(f" {line}", Role.STRONG)] for line in wrapped(safe_text(alert.title), width - 2)]
    lines += [standing(detail.view, width), []]
    lines += [*score(alert, width), []]
    for reason in alert.reasons:
        lines += _wrapped_bullet(reason, width)
    if told := opinion(detail, width):
        lines += [[], *told]
    lines += [[], *_labelled("ATT&CK", (*alert.techniques, *alert.tactics), width)]
    lines += [*_labelled("hosts", alert.hosts, width), *_labelled("users", alert.users, width)]
    lines += [*_others(detail, width)]
    if detail.actions:
        lines += [[], *(action_line(action, width) for action in detail.actions)]
    return [*lines, [], *advice(detail.detections, width)]


def standing(view: AlertView, width: int) -> Line:
    """What operators made of an alert: state, who has it, verdict, the last note; on the right when it was seen."""
    triage = view.triage
    state = Piece(f" {triage.state}", STATE_ROLES.get(triage.state, Role.TEXT))
    said = [f"assigned to {triage.assignee}"] if triage.assignee else []
    said += [triage.verdict.value] if triage.verdict else []
    said += [f'"{triage.notes[-1].value}" {triage.notes[-1].actor}'] if triage.notes else []
    text = safe_text("".join(f"  {glyphs().low} {what}" for what in said))
    room = width - width_of([state]) - 2
    whens = _whens(view.alert)
    when = next((when for when in whens if cell_width(text) + cell_width(when) <= room), whens[-1])
    return [state, Piece(fit(text, max(0, room - len(when))), Role.MUTED), Piece(f" {when}", Role.MUTED)]


def score(alert: Alert, width: int, *, most: int = 1_000, is_wrapped: bool = True) -> list[Line]:
    """The score taken apart, a line a part; what is left out makes one part of its own, so that it always sums."""
    points = whole_points(alert.contributions)
    shown = list(zip(points, alert.contributions, strict=True))
    kept = shown if len(shown) <= most else shown[: max(0, most - 1)]
    lines: list[Line] = []
    for number, part in kept:
        times = f" {part.repeats}x" if part.repeats > 1 else ""
        lines += _term(sum(points), number, safe_text(f"{part.title}{times}"), width, len(lines), is_wrapped)
    if len(kept) < len(shown):
        rest = sum(number for number, _ in shown[len(kept) :])
        text = f"{len(shown) - len(kept)} more"
        lines += _term(sum(points), rest, text, width, len(lines), is_wrapped)
    return lines


def event_line(row: EventRow, width: int) -> Line:
    """When, what, and on the right where it stands: file and line."""
    place = safe_text(place_text(row.path, row.line_number), max(8, width // 3))
    room = max(0, width - cell_width(place) - 13)
    return [
        Piece(f" {time_text(row.event.at_us)}  ", Role.MUTED),
        Piece(fit(safe_text(event_text(row.event), room), room)),
        Piece(f"  {place}", Role.FAINT),
    ]


def action_line(action: Action, width: int) -> Line:
    """Who did what when."""
    who = safe_text(f"{action.actor}@{action.host}", max(4, min(24, width - 20)))
    text = safe_text(action_text(action), max(0, width - 13 - cell_width(who)))
    return [Piece(f" {time_text(action.at_us)}  ", Role.MUTED), Piece(f"{who}  ", Role.MUTED), Piece(text)]


def _whens(alert: Alert) -> tuple[str, ...]:
    """When an alert was seen: in full, shorter, and not at all."""
    full = span_text(alert.first_seen_us, alert.last_seen_us)
    return full, f"{time_text(alert.first_seen_us)} to {time_text(alert.last_seen_us)}", ""


def _events_part(detail: AlertDetail, width: int) -> list[Line]:
    lines: list[Line] = [[]] if detail.events else []
    for row in detail.events:
        lines += _whole_event(row, width)
    return lines


def _whole_event(row: EventRow, width: int) -> list[Line]:
    """An event in as many lines as its text takes, the place at the end of the last."""
    place = safe_text(place_text(row.path, row.line_number), max(8, width - 14))
    texts = wrapped(safe_text(event_text(row.event)), max(1, width - 13))
    if cell_width(texts[-1]) + cell_width(place) + 14 > width:
        texts.append("")
    lines: list[Line] = [[Piece(" " * 11), Piece(text)] for text in texts]
    lines[0][0] = Piece(f" {time_text(row.event.at_us)}  ", Role.MUTED)
    gap = width - 12 - cell_width(texts[-1]) - cell_width(place)
    lines[-1].append(Piece(" " * gap + place, Role.FAINT))
    return lines


def _where(alert: Alert, width: int) -> Line:
    """ATT&CK ids, hosts and users on one line."""
    groups = (" ".join(alert.techniques), ", ".join(alert.hosts), ", ".join(alert.users))
    text = f"  {glyphs().low} ".join(group for group in groups if group)
    return [Piece(f" {safe_text(text, max(0, width - 2))}", Role.MUTED)]


def _term(total: int, points: int, text: str, width: int, place: int, is_wrapped: bool) -> list[Line]:
    head = f"{total:>4} = {points:>3} " if place == 0 else f"     + {points:>3} "
    room = max(1, width - _POINTS - 1)
    first, *rest = wrapped(text, room) if is_wrapped else [safe_text(text, room)]
    lines: list[Line] = [[Piece(head, Role.STRONG if place == 0 else Role.MUTED), Piece(first)]]
    return lines + [[Piece(" " * _POINTS + line)] for line in rest]


def _bullet(text: str, width: int) -> Line:
    return [Piece(f" {glyphs().low} ", Role.MUTED), Piece(safe_text(text, max(0, width - 4)))]


def _wrapped_bullet(text: str, width: int) -> list[Line]:
    first, *rest = wrapped(safe_text(text), max(1, width - 4))
    lines: list[Line] = [[Piece(f" {glyphs().low} ", Role.MUTED), Piece(first)]]
    return lines + [[Piece(f"   {line}")] for line in rest]


def _labelled(label: str, words: Sequence[str], width: int) -> list[Line]:
    """A label and a list beside it; nothing where the list is empty."""
    if not words:
        return []
    first, *rest = wrapped(safe_text(", ".join(words)), max(1, width - _LABEL - 2))
    lines: list[Line] = [[Piece(fit(f" {label}", _LABEL + 1), Role.MUTED), Piece(first)]]
    return lines + [[Piece(" " * (_LABEL + 1) + line)] for line in rest]


def _others(detail: AlertDetail, width: int) -> list[Line]:
    """Entities that the detections name beside the alert's own."""
    alert = detail.view.alert
    known = {alert.entity.name, *alert.hosts, *alert.users}
    return _labelled("also", [ref.name for ref in _related(detail) if ref.name not in known], width)


def _related(detail: AlertDetail) -> Iterable[EntityRef]:
    return dict.fromkeys(ref for detection in detail.detections for ref in detection.related)


def _shares(wishes: tuple[int, int, int], room: int) -> list[int]:
    """How many lines parts, reasons and events get of ``room``: given out one by one, parts most often."""
    given = [0, 0, 0]
    for place in cycle((0, 2, 0, 1)):
        if room <= 0 or given == list(wishes):
            return given
        if given[place] < wishes[place]:
            given[place] += 1
            room -= 1
    return given
