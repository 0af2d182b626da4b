"""Owns the one-line input of dialogs and command lines: Textual's, quiet on the wire and narrow in its glyphs."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Input


class Field(Input):
    """An input whose cursor does not blink (a blink is traffic) and whose secrets are drawn as stars."""

    def __init__(
        self,
        text: str = "",
        *,
        placeholder: str = "",
        is_secret: bool = False,
        is_compact: bool = False,
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        super().__init__(
            text, placeholder=placeholder, password=is_secret, select_on_focus=False, id=id, compact=is_compact
        )
        self.cursor_blink = False

    @property
    def _value(self) -> Text:
        if self.password:
            return Text("*" * len(self.value), no_wrap=True, overflow="ignore", end="")
        return super()._value
