"""Owns the titled box that the Overview is made of."""

from __future__ import annotations

from textual.containers import Vertical
from textual.widget import Widget


class Panel(Vertical):
    """A box with a quiet title around other widgets."""

    DEFAULT_CSS = "Panel { height: 1fr; width: 1fr; }"

    def __init__(
        self,
        title: str,
        *content: Widget,
        id: str | None = None,  # noqa: A002 - Textual's name
        is_flush: bool = False,
    ) -> None:
        """``title`` is ours, never text from a log. A list brings margins of its own: its panel ``is_flush``."""
        super().__init__(*content, id=id, classes="panel -flush" if is_flush else "panel")
        self.border_title = title
