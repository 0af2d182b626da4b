"""Owns what the panels of the Overview say: the last hour in figures, and the moves across the network in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pandora_core.model import HOUR_US, SECOND_US, Severity
from pandora_tui.desks.board import Board, Move
from pandora_tui.messages import EngineState, Status
from pandora_tui.stories.wrapping import wrapped
from pandora_tui.style import Role, age_text, count_text, duration_text, fit, glyphs, safe_text, severity_mark
from pandora_tui.widgets.braille import bar, line_plot, sparkline
from pandora_tui.widgets.lines import Line
from pandora_tui.widgets.pieces import Piece

if TYPE_CHECKING:
    from pandora_core.store.job_rows import Job

READING = "reading the store"
TILES = {
    "jobs": "No quantum jobs. Every score here is classical.",
    "exposure": "Not measured yet.",
}
"""What a part that this version does not have yet says in its tile: nothing is made up."""

_ROOMY = 34
_LABEL = 11
_FIGURE = 6
_MARK = 8
_READABLE = frozenset({"live", "finished"})
_FEW = 5
_PLOT_ROWS = 12


def last_hour(board: Board, status: Status, width: int, height: int) -> list[Line]:
    """Events a second, bad lines, sources, and the alerts of the hour by severity."""
    if not board.is_loaded:
        return calm(READING, width)
    minutes = board.minutes()
    rate = board.engine.events_per_s if board.engine and status.engine is EngineState.LIVE else 0.0
    drawn = sparkline([events for events, _ in minutes], max(0, width - _LABEL - _FIGURE - 1))
    bad = sum(bad for _, bad in minutes)
    lines: list[Line] = [
        [*_figure("events/s", count_text(rate)), Piece(f" {drawn}", Role.ACCENT)],
        _figure("bad lines", count_text(bad), Role.WARN if bad else Role.TEXT),
        _sources(board, width),
    ]
    lines += [[]] if height >= len(lines) + _FEW else []
    lines += _severities(board, width)
    return [*lines, *_plot([events for events, _ in minutes], width, height - len(lines))]


def jobs(found: Sequence[Job], now_us: int, width: int, height: int) -> list[Line]:
    """The newest quantum jobs: what, where, how it stands, how long it took or waits."""
    from pandora_tui.stories.job import STATE_ROLES  # here: at a start there are no jobs to show yet

    lines: list[Line] = []
    for job in found[: max(0, height)]:
        ends_us = job.finished_at_us or now_us
        took_s = (ends_us - (job.started_at_us or job.queued_at_us)) / SECOND_US
        state, took = f" {job.state.value:<9}", f" {duration_text(max(0.0, took_s)):>5}"
        backend = f" {fit(safe_text(job.remote_backend or job.backend), 8)}" if width >= _ROOMY else ""
        room = max(1, width - len(state) - len(took) - len(backend))
        lines.append(
            [
                Piece(fit(safe_text(job.label), room)),
                Piece(backend, Role.MUTED),
                Piece(state, STATE_ROLES[job.state]),
                Piece(took, Role.MUTED),
            ]
        )
    return lines


def moves(board: Board, width: int, height: int) -> list[Line]:
    """The newest moves, each in the words of its detection; calm words where there are none."""
    if not board.moves:
        return _no_moves(width) if board.is_loaded else calm(READING, width)
    lines: list[Line] = []
    for move in board.moves:
        told = _move(move, board, width)
        if len(lines) + len(told) > height:
            break
        lines += told
    return lines


def calm(text: str, width: int) -> list[Line]:
    """A tile with nothing to tell yet."""
    return [[Piece(line, Role.MUTED)] for line in wrapped(text, max(1, width))]


def _plot(minutes: list[int], width: int, height: int) -> list[Line]:
    """Events of each minute of the hour as a line, where there is room for it to say something."""
    rows = min(height - 2, _PLOT_ROWS)
    if rows < _FEW:
        return []
    drawn = line_plot(minutes, max(1, min(width - _FIGURE - 1, len(minutes) // 2)), rows, low=0.0)
    figures = [""] * rows
    figures[0], figures[-1] = count_text(max(minutes)), "0"
    lines: list[Line] = [[], [Piece("events a minute", Role.MUTED)]]
    for figure, line in zip(figures, drawn, strict=True):
        lines.append([Piece(fit(figure, _FIGURE, right=True), Role.MUTED), Piece(f" {line}", Role.ACCENT)])
    return lines


def _figure(label: str, figure: str, role: Role = Role.TEXT) -> Line:
    return [Piece(fit(label, _LABEL), Role.MUTED), Piece(fit(figure, _FIGURE, right=True), role)]


def _sources(board: Board, width: int) -> Line:
    """How many files are read as they should be, and the first thing that is wrong with another."""
    files = board.files.values()
    well = sum(1 for file in files if file.state in _READABLE)
    is_well = well == len(files)
    line = _figure("sources", f"{well}/{len(files)}", Role.TEXT if is_well else Role.WARN)
    wrong = sorted({file.state for file in files} - _READABLE)
    said = "" if is_well else ", ".join(wrong)
    return [*line, Piece(f"  {safe_text(said, max(0, width - _LABEL - _FIGURE - 2))}", Role.WARN)]


def _severities(board: Board, width: int) -> list[Line]:
    """A bar for each severity: the alerts that were active in the hour up to now, on the clock of the logs."""
    found = board.alerts_by_severity(board.event_now_us - HOUR_US)
    most = max(found.values(), default=0)
    room = max(0, width - _LABEL - _FIGURE - 1)
    lines: list[Line] = []
    for severity in sorted(Severity, reverse=True)[:4]:
        mark, count = severity_mark(severity), found[severity]
        role = mark.role if count else Role.FAINT
        lines.append(
            [
                Piece(fit(str(mark), _LABEL), mark.role),
                Piece(fit(count_text(count), _FIGURE, right=True), Role.TEXT if count else Role.FAINT),
                Piece(f" {bar(count / most if most else 0.0, room)}", role),
            ]
        )
    return lines


def _move(move: Move, board: Board, width: int) -> list[Line]:
    """Severity and words; the age stands under the severity where the words take a second line, else behind them."""
    mark = severity_mark(move.severity)
    age = age_text(board.age_s(move.at_us))
    words = wrapped(safe_text(move.text), max(8, width - _MARK))
    if len(words) == 1 and len(words[0]) + len(age) + _MARK < width:
        gap = " " * (width - _MARK - len(words[0]) - len(age))
        return [[Piece(fit(str(mark), _MARK), mark.role), Piece(words[0]), Piece(gap + age, Role.MUTED)]]
    rest = safe_text(" ".join(words[1:]), max(0, width - _MARK))
    under = fit(fit(age, 6, right=True), _MARK)
    return [
        [Piece(fit(str(mark), _MARK), mark.role), Piece(words[0])],
        [Piece(under, Role.MUTED), Piece(rest)],
    ]


def _no_moves(width: int) -> list[Line]:
    dots = f"{glyphs().stopped} {glyphs().rule * 2} {glyphs().stopped} {glyphs().rule * 2} {glyphs().stopped}"
    text = "No first log-on between two hosts was seen in an alert. When there is one, its path stands here in words."
    return [[Piece(dots, Role.FAINT)], [], *calm(text, width)]
