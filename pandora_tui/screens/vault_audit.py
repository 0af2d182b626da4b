"""Owns the audit trail of the vault on screen: who did what, each record marked by what verifying found."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from pandora_tui.commands import bindings
from pandora_tui.desks.bridge import reason_of
from pandora_tui.screens.base import PandoraScreen
from pandora_tui.style import Role, glyphs, safe_text
from pandora_tui.widgets.lines import Line, Lines
from pandora_tui.widgets.pieces import Piece
from pandora_tui.widgets.vault_tables import AuditTable

if TYPE_CHECKING:
    from pandora_core.vault.agent.answers import AuditView, VaultStatus, VerifyReport

MOST_RECORDS = 2_000


class AuditScreen(PandoraScreen):
    """Lies over the vault; escape goes back. What the vault locks away, this screen lets go of too."""

    PLACE: ClassVar[str] = "vault"
    AUTO_FOCUS: ClassVar[str | None] = "AuditTable"
    BINDINGS: ClassVar[list[BindingType]] = bindings("audit")
    DEFAULT_CSS = "AuditScreen #audit-verdict { height: 1; }"

    def __init__(self) -> None:
        super().__init__()
        self._verdict = Piece(f" verifying{glyphs().ellipsis}", Role.MUTED)

    def body(self) -> ComposeResult:
        yield Lines(lambda _width, _: self._lines(), id="audit-verdict")
        yield AuditTable()

    def on_mount(self) -> None:
        client = self.console.vault.client
        self.console.errands.run(lambda: (client.verify(), client.audit(MOST_RECORDS)), self._show, self._fail)

    def show_vault(self, status: VaultStatus) -> None:
        if status.state != "unlocked" and self.is_current:
            self.dismiss()

    def action_back(self) -> None:
        self.dismiss()

    def _show(self, found: tuple[VerifyReport, list[AuditView]]) -> None:
        report, records = found
        if not self.is_running:
            return
        if report.sound:
            text = f" integrity {report.integrity}, freshness {report.freshness}, {report.audit_records} records"
            self._verdict = Piece(safe_text(text), Role.GOOD)
        else:
            self._verdict = Piece(safe_text(f" broken: {'; '.join(report.problems)}"), Role.BAD)
        self.query_one(AuditTable).show(records, "verified" if report.sound else "broken")
        self.query_one(Lines).redraw()

    def _fail(self, error: Exception) -> None:
        if self.is_running:
            self._verdict = Piece(f" {reason_of(error)}", Role.WARN)
            self.query_one(Lines).redraw()

    def _lines(self) -> list[Line]:
        return [[self._verdict]]
