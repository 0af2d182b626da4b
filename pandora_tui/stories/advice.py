"""Owns how the console says what to check next: the checks in words, and the questions that a search answers."""

from __future__ import annotations

from collections.abc import Iterable

from pandora_core.detect.incidents.next_steps import next_steps_of
from pandora_core.model import Detection
from pandora_tui.stories.wrapping import wrapped
from pandora_tui.style import Role, fit, glyphs, safe_text
from pandora_tui.widgets.lines import Line
from pandora_tui.widgets.pieces import Piece


def advice(detections: Iterable[Detection], width: int) -> list[Line]:
    """What to check next after these detections, most telling first."""
    steps = next_steps_of(detections)
    lines: list[Line] = [[Piece(" Check next", Role.STRONG)]]
    for check in steps.checks:
        first, *rest = wrapped(safe_text(check), max(1, width - 5))
        lines.append([Piece(f" {glyphs().low} ", Role.MUTED), Piece(first)])
        lines += [[Piece(f"   {line}")] for line in rest]
    if steps.pivots:
        lines += [[], [Piece(" p", Role.ACCENT), Piece(" searches that answer:", Role.MUTED)]]
        lines += [
            [Piece(f"   {fit(safe_text(pivot.question), max(1, width - 5)).rstrip()}")] for pivot in steps.pivots
        ]
    return lines if len(lines) > 1 else []
