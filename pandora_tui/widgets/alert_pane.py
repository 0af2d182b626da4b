"""Owns the pane beside the list of alerts: the alert under the cursor, as much of it as there is room for."""

from __future__ import annotations

from typing import ClassVar

from pandora_core.store.rows import AlertDetail
from pandora_tui.stories.alert import brief, heading
from pandora_tui.style import Role, glyphs, safe_text
from pandora_tui.widgets.lines import Line, Lines
from pandora_tui.widgets.pieces import Piece

PATIENCE_S = 0.3
"""How long the alert before stays in view while the next one is read."""


class AlertPane(Lines):
    """Shows one alert, and nothing while it is not known which."""

    DEFAULT_CSS: ClassVar[str] = "AlertPane { height: 11; }"

    def __init__(self) -> None:
        super().__init__(self._lines)
        self._detail: AlertDetail | None = None
        self._said = ""
        self._wanted: str | None = None

    def expect(self, alert_id: str | None) -> None:
        """Say that this alert is on its way: what is shown of another may stay for a moment only."""
        self._wanted = alert_id
        if alert_id is None:
            self.say("")
        else:
            self.set_timer(PATIENCE_S, lambda: self._give_up(alert_id))

    def show(self, detail: AlertDetail) -> None:
        """Show an alert."""
        self._detail, self._said = detail, ""
        self.redraw()

    def say(self, text: str) -> None:
        """Say why there is no alert to see."""
        self._detail, self._said = None, text
        self.redraw()

    def _give_up(self, alert_id: str) -> None:
        shown = self._detail.view.alert.id if self._detail is not None else None
        if self._wanted == alert_id != shown and not self._said:
            self.say(f"reading{glyphs().ellipsis}")

    def _lines(self, width: int, height: int) -> list[Line]:
        if self._detail is None:
            return [[], [Piece(f" {safe_text(self._said, max(0, width - 2))}", Role.MUTED)]]
        return [heading(self._detail.view, width), *brief(self._detail, width, height - 1)]
