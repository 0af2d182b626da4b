"""Owns what the panels of the System screen say of the engine and of the store."""

from __future__ import annotations

from pandora_core.model import SECOND_US
from pandora_core.store.rows import ModelStatus
from pandora_tui.desks.board import Board
from pandora_tui.desks.feed import Facts
from pandora_tui.messages import EngineState, Status
from pandora_tui.stories.words import day_text
from pandora_tui.stories.wrapping import wrapped
from pandora_tui.style import Role, age_text, count_text, duration_text, fit, glyphs, safe_text, size_text
from pandora_tui.widgets.lines import Line
from pandora_tui.widgets.pieces import Piece

_LABEL = 11


def engine_lines(board: Board, status: Status, width: int) -> list[Line]:
    """Whether an engine runs, how fast it is and how far behind; how to start one where none does."""
    engine = board.engine
    if status.engine is EngineState.STOPPED:
        return _stopped(board, status, width)
    if engine is None:
        return [_fact("state", status.engine.value, width, Role.MUTED)]
    heartbeat_s = (board.now_us - engine.heartbeat_us) / SECOND_US
    state, role = (
        (engine.state, Role.GOOD) if status.engine is EngineState.LIVE else (status.engine.value, Role.MUTED)
    )
    behind = f"{duration_text(engine.lag_s)}, {size_text(engine.backlog_bytes)}"
    return [
        _fact("state", f"{glyphs().live} {state}, heard {age_text(heartbeat_s)}", width, role),
        _fact("process", f"{engine.pid} on {engine.host}, pandora {engine.version}", width),
        _fact("since", f"{day_text(engine.started_at_us)} UTC", width),
        _fact("speed", f"{count_text(engine.events_per_s)} events/s", width),
        _fact("behind", behind if engine.backlog_bytes else "nothing", width),
        _fact("log time", f"{day_text(engine.watermark_us)} UTC" if engine.watermark_us else "none yet", width),
        *([model_line(board.model, width)] if board.model is not None else []),
    ]


def model_line(model: ModelStatus, width: int) -> Line:
    """Which model scores flows, and what is to be looked at: that it is refused, or that the flows have drifted."""
    drift = model.drift
    if model.state == "none":
        return _fact("model", "none is promoted", width, Role.MUTED)
    said = f"{model.number} {model.name}, {model.state}" if model.number is not None else model.state
    if model.state == "refused":
        return _fact("model", f"{glyphs().problem} {said}: {model.detail}", width, Role.WARN)
    if drift.word in ("moderate", "strong"):
        what = f"{drift.word} drift: {', '.join(drift.worst)}"
        is_strong = drift.word == "strong"
        mark = f"{glyphs().problem} " if is_strong else ""
        return _fact("model", f"{mark}{said}, {what}", width, Role.WARN if is_strong else Role.TEXT)
    return _fact("model", f"{said}, {model.detail}" if model.detail else said, width)


def store_lines(board: Board, facts: Facts | None, width: int) -> list[Line]:
    """What is stored, how large it is, and which versions are at work."""
    files = board.files.values()
    lines = [
        _fact("events", f"{sum(file.events for file in files):,}", width),
        _fact("bad lines", f"{sum(file.bad_lines for file in files):,}", width),
        _fact("sources", ", ".join(source.pattern for source in board.sources) or "none", width),
    ]
    if facts is None:
        return lines
    stored = f"{size_text(facts.store_bytes)}, {facts.store_path}"
    return [*lines, _fact("store", stored, width), *(_fact(name, text, width) for name, text in facts.versions)]


def _stopped(board: Board, status: Status, width: int) -> list[Line]:
    last = f"last heard {day_text(board.engine.heartbeat_us)} UTC" if board.engine else "it never ran on this store"
    said = [status.problem] if status.problem else []
    said.append("S starts one, pandora engine run too.")
    return [
        [Piece(f"{glyphs().problem} no engine runs", Role.WARN), Piece(f"  {last}", Role.MUTED)],
        *([Piece(line, Role.MUTED)] for text in said for line in wrapped(safe_text(text), max(1, width))),
    ]


def _fact(label: str, text: str, width: int, role: Role = Role.TEXT) -> Line:
    return [Piece(fit(label, _LABEL), Role.MUTED), Piece(safe_text(text, max(0, width - _LABEL)), role)]
