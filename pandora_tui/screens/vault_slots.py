"""Owns the ways into the vault on screen: its slots, a new passphrase, and the public keys to seal and export for."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll

from pandora_tui.commands import bindings
from pandora_tui.screens import vault_forms as forms
from pandora_tui.screens.base import PandoraScreen
from pandora_tui.stories import vault as vault_lines
from pandora_tui.style import Role, glyphs
from pandora_tui.widgets.dialogs import ChoiceDialog, FormDialog
from pandora_tui.widgets.lines import Line, Lines
from pandora_tui.widgets.pieces import Piece

if TYPE_CHECKING:
    from pandora_core.vault.agent.answers import RecipientsView, SlotView, VaultStatus


class SlotsScreen(PandoraScreen):
    """Lies over the vault; escape goes back."""

    PLACE: ClassVar[str] = "vault"
    BINDINGS: ClassVar[list[BindingType]] = bindings("slots")
    DEFAULT_CSS = "SlotsScreen VerticalScroll { height: 1fr; padding: 1 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._slots: list[SlotView] = []
        self._keys: RecipientsView | None = None
        self._said = f"reading{glyphs().ellipsis}"

    def body(self) -> ComposeResult:
        with VerticalScroll():
            yield Lines(lambda width, _: self._lines(width), classes="-grows")

    def on_mount(self) -> None:
        self._read()

    def show_vault(self, status: VaultStatus) -> None:
        if status.state != "unlocked" and self.is_current:
            self.dismiss()

    def action_back(self) -> None:
        self.dismiss()

    def action_add_slot(self) -> None:
        """Add a way in by passphrase."""
        form = FormDialog("A new way in", forms.NEW_SLOT, check=forms.check_new_slot)
        self.app.push_screen(form, self._add)

    def action_remove_slot(self) -> None:
        """Close one of the ways in."""
        texts = [vault_lines.slot_text(slot) for slot in self._slots]
        dialog = ChoiceDialog("Which way in is to be closed?", texts)
        self.app.push_screen(dialog, self._remove)

    def _add(self, values: dict[str, str] | None) -> None:
        if values is not None:
            client = self.console.vault.client
            self._say(f"adding it takes about a second{glyphs().ellipsis}")
            self.console.errands.run(lambda: forms.add_slot(client, values), lambda _: self._read(), self._refused)

    def _remove(self, place: int | None) -> None:
        if place is not None:
            slot, client = self._slots[place], self.console.vault.client
            self.console.errands.run(lambda: client.remove_slot(slot.id), lambda _: self._read(), self._refused)

    def _read(self) -> None:
        client = self.console.vault.client
        self.console.errands.run(lambda: (client.slots(), client.recipients()), self._show, self._refused)

    def _show(self, found: tuple[list[SlotView], RecipientsView]) -> None:
        if self.is_running:
            self._slots, self._keys = found
            self._say("")

    def _refused(self, error: Exception) -> None:
        if self.is_running:
            self._say("")
            self.say_refused(error)

    def _say(self, text: str) -> None:
        self._said = text
        self.query_one(Lines).redraw()

    def _lines(self, width: int) -> list[Line]:
        if self._keys is None:
            return [[Piece(f" {self._said}", Role.MUTED)]]
        lines: list[Line] = [[Piece(" Ways in", Role.STRONG)], *vault_lines.slots(self._slots, width), []]
        lines += [[Piece(" Public keys", Role.STRONG)], *vault_lines.public_keys(self._keys, width), []]
        lines.append([Piece(f" {self._said or 'more ways: pandora vault slots add --help'}", Role.MUTED)])
        return lines
