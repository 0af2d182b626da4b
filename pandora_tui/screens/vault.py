"""Owns the Vault screen: calm while locked, a list with the entry under the cursor while open. It never waits.

What is revealed stays for ten seconds, and goes at once when the cursor moves, the screen is left or the vault locks.
While it is on screen it is Python text, which cannot be wiped: closing the console is what ends it for certain.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Vertical
from textual.widgets import Input

from pandora_tui.commands import bindings
from pandora_tui.desks.bridge import reason_of
from pandora_tui.desks.reveal import NOTHING, Reveal
from pandora_tui.screens import vault_forms as forms
from pandora_tui.screens.base import PandoraScreen
from pandora_tui.stories import vault as vault_lines
from pandora_tui.style import glyphs
from pandora_tui.widgets.dialogs import ChoiceDialog, ConfirmDialog, FormDialog, TextDialog
from pandora_tui.widgets.empty import EmptyState, Step
from pandora_tui.widgets.lines import Line, Lines
from pandora_tui.widgets.vault_tables import EntryTable

if TYPE_CHECKING:
    from pandora_core.vault.agent.answers import EntryView, VaultStatus
    from pandora_core.vault.agent.client import Way
    from pandora_core.vault.crypto.secret import Secret
    from pandora_core.vault.crypto.totp import Recipe

T = TypeVar("T")

COPY_S = 15
_TICK_S = 0.5

_ABSENT = "There is no vault yet"
_WHAT = (
    "It keeps tokens, passwords, notes, one-time seeds and sealed evidence, under keys that a quantum computer does "
    "not break, with an audit trail that can be verified."
)
_STEPS = (
    Step("i", "make one, with a passphrase"),
    Step("pandora vault init", "make one with a key file, or another profile"),
    Step("?", "see every key and command"),
)


_WHILE_OPEN = frozenset(
    {"lock", "new", "edit", "rotate", "remove", "reveal", "code", "copy", "history", "audit", "slots", "find"}
)


class VaultScreen(PandoraScreen):
    """One of three pictures: no vault, a locked one, or its entries."""

    PLACE: ClassVar[str] = "vault"
    AUTO_FOCUS: ClassVar[str | None] = "EntryTable"
    BINDINGS: ClassVar[list[BindingType]] = bindings("vault")
    DEFAULT_CSS = """
    VaultScreen {
        #vault-locked { height: 1fr; padding: 1 2; }
        #vault-open { height: 1fr; }
        #vault-trust { height: 1; }
        #vault-find { height: 1; display: none; padding: 0 1; background: $pandora-surface; }
        #vault-body { height: 1fr; layout: vertical; }
        #vault-entry { height: 10; border-top: solid $pandora-line; }
        &.-wide #vault-body { layout: horizontal; }
        &.-wide EntryTable { width: 3fr; }
        &.-wide #vault-entry { width: 2fr; height: 1fr; border-top: none; border-left: solid $pandora-line; }
    }
    """

    def __init__(self) -> None:
        super().__init__()
        self._said = ""
        self._reveal = Reveal()

    def body(self) -> ComposeResult:
        yield EmptyState(_ABSENT, _WHAT, _STEPS)
        yield Lines(lambda width, _: self._locked_lines(width), id="vault-locked")
        with Vertical(id="vault-open"):
            yield Lines(lambda width, _: self._trust_lines(width), id="vault-trust")
            with Container(id="vault-body"):
                yield EntryTable(self._clock)
                yield Lines(lambda width, _: self._entry_lines(width), id="vault-entry")
            find = Input(
                id="vault-find", compact=True, placeholder="letters of a name, kind or tag", select_on_focus=False
            )
            find.cursor_blink = False
            yield find

    def on_mount(self) -> None:
        self.set_interval(_TICK_S, self._tick)

    def on_screen_resume(self) -> None:
        self.console.vault.look()
        self._draw()
        self._read_entries()

    def on_screen_suspend(self) -> None:
        self._hide()

    def show_vault(self, status: VaultStatus) -> None:
        """Take in how the vault is now."""
        was_open = bool(self.query_one(EntryTable).rows)
        if status.state != "unlocked":
            self._hide()
            self.query_one(EntryTable).forget()
        elif self.is_current and (not was_open or len(self.query_one(EntryTable).rows) != status.entries):
            self._read_entries()
        self._draw()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what can be done now has a key."""
        if action == "create":
            return not self.console.vault.exists
        if action in ("unlock", "unlock_with_file"):
            return self._is_locked()
        return self._is_open() if action in _WHILE_OPEN else super().check_action(action, parameters)

    def action_create(self) -> None:
        """Make a vault with a passphrase."""
        if self.console.vault.exists:
            self.notify("there is a vault already", timeout=4)
            return
        self.app.push_screen(FormDialog("Make a vault", forms.NEW_VAULT, check=forms.check_new_vault), self._make)

    def action_unlock(self) -> None:
        """Ask for the passphrase."""
        if self._is_locked():
            dialog = TextDialog("Unlock the vault", placeholder="passphrase", is_secret=True)
            self.app.push_screen(dialog, lambda typed: self._unlock(forms.passphrase_way, typed))

    def action_unlock_with_file(self, path: str = "") -> None:
        """Ask for the path of a key file."""
        if not self._is_locked():
            return
        if path:
            self._unlock(forms.key_file_way, path)
            return
        dialog = TextDialog("Unlock the vault", placeholder="path of the key file", check=forms.check_file)
        self.app.push_screen(dialog, lambda typed: self._unlock(forms.key_file_way, typed))

    def action_lock(self) -> None:
        """Lock; leases stay."""
        self._hide()
        self._errand(lambda: self.console.vault.client.lock(), self.console.vault.take)

    def action_new(self) -> None:
        """Add an entry."""
        if self._is_open():
            self.app.push_screen(FormDialog("New entry", forms.NEW_ENTRY, check=forms.check_entry), self._put)

    def action_edit(self) -> None:
        """Change name, tags and note of the entry under the cursor."""
        entry = self._chosen()
        if entry is not None:
            form = FormDialog(f"Edit {entry.name}", forms.of_entry(entry), check=forms.check_edit)
            self.app.push_screen(form, lambda values: self._edit(entry, values))

    def action_rotate(self) -> None:
        """Give the main secret of the entry a new value; the old one stays in its history."""
        entry = self._chosen()
        if entry is not None:
            dialog = TextDialog(f"New {entry.main_field} of {entry.name}", is_secret=True, check=forms.check_value)
            self.app.push_screen(dialog, lambda typed: self._rotate(entry, typed))

    def action_remove(self) -> None:
        """Take the entry away with its history, after asking."""
        entry = self._chosen()
        if entry is not None:
            question = (
                f"{entry.name} and its {entry.version} versions go. The audit trail keeps that they were there."
            )
            dialog = ConfirmDialog("Remove the entry?", question, yes="remove it")
            self.app.push_screen(dialog, lambda is_sure: self._remove(entry) if is_sure else None)

    def action_reveal(self) -> None:
        """Show the values of the entry for ten seconds."""
        self._get(lambda entry: forms.values_of(self.console.vault.client, entry, is_all=True), self._show_values)

    def action_code(self) -> None:
        """Show one-time codes for a minute."""
        self._get(lambda entry: forms.recipe_of(self.console.vault.client, entry), self._show_codes)

    def action_copy(self) -> None:
        """Put the main secret on the terminal's clipboard for fifteen seconds."""
        self._get(lambda entry: forms.copy(self.console.vault.client, entry, COPY_S), self._say_copied)

    def action_history(self) -> None:
        """List the versions of the entry; the one that is chosen is shown."""
        entry = self._chosen()
        if entry is not None:
            self._errand(lambda: self.console.vault.client.history(entry.name), self._offer_versions)

    def action_audit(self) -> None:
        """Open the audit trail."""
        from pandora_tui.screens.vault_audit import AuditScreen

        if self._is_open():
            self.app.push_screen(AuditScreen())

    def action_slots(self) -> None:
        """Open the list of ways in."""
        from pandora_tui.screens.vault_slots import SlotsScreen

        if self._is_open():
            self.app.push_screen(SlotsScreen())

    def action_find(self) -> None:
        """Open the search."""
        if self._is_open():
            find = self.query_one("#vault-find", Input)
            find.display = True
            find.focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self.query_one(EntryTable).find(event.value)
        self.show_note(f"/{event.value}" if event.value else "")

    def on_input_submitted(self) -> None:
        self._close_find()

    def key_escape(self) -> None:
        """Leave the search, or hide what is shown."""
        find = self.query_one("#vault-find", Input)
        if find.has_focus:
            find.value = ""
            self._close_find()
        else:
            self._hide()

    def on_virtual_table_highlighted(self) -> None:
        self._hide()
        self.query_one("#vault-entry", Lines).redraw()

    def on_virtual_table_selected(self) -> None:
        """Show the values that are not hidden."""
        self._get(lambda entry: forms.values_of(self.console.vault.client, entry, is_all=False), self._show_values)

    def _close_find(self) -> None:
        self.query_one("#vault-find", Input).display = False
        self.query_one(EntryTable).focus()

    def _make(self, values: dict[str, str] | None) -> None:
        if values is not None:
            self._say(f"making the vault{glyphs().ellipsis}")
            way = forms.passphrase_way(values["passphrase"])
            self._errand(lambda: self.console.vault.client.init(way, values["profile"]), self._unlocked)

    def _unlock(self, make: Callable[[str], Way], typed: str | None) -> None:
        if typed:
            self._say(f"unlocking, which takes about a second{glyphs().ellipsis}")
            client = self.console.vault.client
            self.console.errands.run(lambda: forms.unlock(client, make(typed)), self._unlocked, self._fail_unlock)

    def _unlocked(self, status: VaultStatus) -> None:
        self._say("")
        self.console.vault.take(status)
        self._read_entries()
        if status.taken_in:
            self.notify(f"taken in: {', '.join(status.taken_in)}", timeout=6)

    def _fail_unlock(self, error: Exception) -> None:
        self._say(reason_of(error))
        self.console.vault.look()

    def _put(self, values: dict[str, str] | None) -> None:
        if values is not None:
            self._errand(lambda: forms.put(self.console.vault.client, values), self._changed)

    def _edit(self, entry: EntryView, values: dict[str, str] | None) -> None:
        if values is not None:
            self._errand(lambda: forms.edit(self.console.vault.client, entry, values), self._changed)

    def _rotate(self, entry: EntryView, typed: str | None) -> None:
        if typed:
            self._errand(lambda: forms.rotate(self.console.vault.client, entry, typed), self._changed)

    def _remove(self, entry: EntryView) -> None:
        self._errand(lambda: self.console.vault.client.remove(entry.name), lambda _: self._changed(entry))

    def _changed(self, _entry: EntryView) -> None:
        self._hide()
        self._read_entries()

    def _get(self, work: Callable[[EntryView], T], done: Callable[[T], None]) -> None:
        """Ask the agent about the entry under the cursor; what comes for another one is not shown."""
        entry = self._chosen()
        if entry is None:
            return

        def take(found: T) -> None:
            now = self.query_one(EntryTable).chosen
            if self.is_current and now is not None and now.id == entry.id:
                done(found)

        self._errand(lambda: work(entry), take)

    def _show_values(self, values: dict[str, str]) -> None:
        self._reveal.values(values)
        self._redraw_entry()

    def _show_codes(self, found: tuple[Recipe, Secret]) -> None:
        self._reveal.codes(*found)
        self._redraw_entry()

    def _say_copied(self, warning: str) -> None:
        self.notify(warning or f"copied; cleared in {COPY_S} s", severity="warning" if warning else "information")

    def _offer_versions(self, versions: list[EntryView]) -> None:
        dialog = ChoiceDialog("Versions, newest first", [forms.version_text(version) for version in versions])
        self.app.push_screen(dialog, lambda place: self._show_version(versions, place))

    def _show_version(self, versions: list[EntryView], place: int | None) -> None:
        if place is not None:
            number, client = versions[place].version, self.console.vault.client
            self._get(lambda entry: forms.values_of(client, entry, is_all=True, version=number), self._show_values)

    def _hide(self) -> None:
        """Take everything secret off the screen."""
        if self._reveal.showing is not NOTHING:
            self._reveal.hide()
            self._redraw_entry()

    def _tick(self) -> None:
        if self._reveal.showing is not NOTHING:
            self._reveal.tick()
            self._redraw_entry()

    def _read_entries(self) -> None:
        if self._is_open():
            self._errand(lambda: self.console.vault.client.entries(), self._list)

    def _list(self, entries: list[EntryView]) -> None:
        if self._is_open():
            self.query_one(EntryTable).show(entries)
            self._redraw_entry()
            self._draw()

    def _errand(self, work: Callable[[], T], done: Callable[[T], None]) -> None:
        """Have the agent do something; a refusal is said in a note."""
        self.console.errands.run(
            work,
            lambda result: done(result) if self.is_running else None,
            lambda error: self.say_refused(error) if self.is_running else None,
        )

    def _chosen(self) -> EntryView | None:
        return self.query_one(EntryTable).chosen if self._is_open() else None

    def _is_open(self) -> bool:
        status = self.console.vault.status
        return status is not None and status.state == "unlocked"

    def _is_locked(self) -> bool:
        return self.console.vault.exists and not self._is_open()

    def _say(self, text: str) -> None:
        self._said = text
        self.show_note(text)
        self._draw()

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        is_open = self._is_open()
        if self.query_one("#vault-open").display != is_open:
            self.refresh_bindings()
            self.set_focus(self.query_one(EntryTable) if is_open else None)
        self.query_one("#vault-open").display = is_open
        self.query_one("#vault-locked").display = self._is_locked()
        self.query_one(EmptyState).display = not is_open and not self.console.vault.exists
        for name in ("#vault-locked", "#vault-trust"):
            self.query_one(name, Lines).redraw()

    def _redraw_entry(self) -> None:
        if self.is_mounted:
            self.query_one("#vault-entry", Lines).redraw()

    def _locked_lines(self, width: int) -> list[Line]:
        status = self.console.vault.status
        if status is None:
            return []
        return vault_lines.locked(status, self._said or self.console.vault.problem, width)

    def _trust_lines(self, width: int) -> list[Line]:
        status = self.console.vault.status
        return [] if status is None else [vault_lines.opened(status, width)]

    def _entry_lines(self, width: int) -> list[Line]:
        entry = self.query_one(EntryTable).chosen
        return [] if entry is None else vault_lines.entry(entry, self._reveal.showing, width)

    def _clock(self) -> int:
        return self.console.board.now_us
