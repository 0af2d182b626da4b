"""Owns a made-up list of alerts and a console that shows it, for the tests of the table and the snapshots."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.screen import Screen

from pandora_core.model import Severity
from pandora_tui.app import PandoraApp
from pandora_tui.screens.base import PandoraScreen
from pandora_tui.style import Role, age_text, severity_mark
from pandora_tui.widgets.braille import sparkline
from pandora_tui.widgets.columns import Column
from pandora_tui.widgets.plots import Bar, Bars, LinePlot, Meter, Sparkline
from pandora_tui.widgets.rows import Kind, Rows
from pandora_tui.widgets.virtual_table import VirtualTable

FIELDS = {
    "risk": Kind.REAL,
    "entity": Kind.OBJECT,
    "what": Kind.OBJECT,
    "technique": Kind.CHOICE,
    "age_s": Kind.REAL,
    "state": Kind.CHOICE,
}
ALERTS = (
    (97.0, "ws-114", "log-on chain to dc-01, new service", "T1021.002", 120.0, "new"),
    (81.0, "svc_backup", "password spray, 41 accounts, 1 success", "T1110.003", 540.0, "new"),
    (44.0, "10.4.2.19", "beacon 60s ±2% to 203.0.113.9", "T1071", 1_860.0, "ack j"),
    (22.0, "db-02", "first log-on from ws-114", "T1021", 7_300.0, "new"),
    (9.0, "printer-3", "evil \x1b[31mred\x1b[0m \u202egnp.exe [bold]name[/]", "", 90_000.0, "new"),
)
TREND = [1, 2, 2, 3, 5, 4, 6, 7, 7, 9, 12, 16]


def severity_role(row: Any) -> Role:
    return severity_mark(Severity.of_risk(row.risk)).role


COLUMNS = (
    Column("severity", lambda row: str(severity_mark(Severity.of_risk(row.risk))), 8, 6, role=severity_role),
    Column("risk", lambda row: f"{row.risk:.0f}", 4, right=True, role=severity_role),
    Column("entity", lambda row: row.entity, 14, 8, grow=1, role=Role.STRONG),
    Column("what", lambda row: row.what, 34, 24, grow=4),
    Column("technique", lambda row: row.technique, 9, priority=2, role=Role.MUTED),
    Column("age", lambda row: age_text(row.age_s), 4, right=True, role=Role.MUTED, priority=1),
    Column("state", lambda row: row.state, 6, priority=3, role=Role.MUTED),
    Column("trend", lambda row: sparkline(TREND, 6), 6, priority=4, role=severity_role),
)


def alert_rows(count: int = len(ALERTS), capacity: int = 100) -> Rows:
    """``count`` alerts with the keys ``alert-0`` …, the sample ones again and again."""
    rows = Rows(FIELDS, capacity=capacity, keyed=True)
    for number in range(count):
        rows.put(f"alert-{number}", *ALERTS[number % len(ALERTS)])
    return rows


class TableScreen(PandoraScreen):
    """One list over the whole screen."""

    PLACE: ClassVar[str] = "threats"

    def __init__(self, table: VirtualTable) -> None:
        super().__init__()
        self.table = table

    def body(self) -> ComposeResult:
        yield self.table


class PanelScreen(PandoraScreen):
    """Panels with every kind of picture."""

    PLACE: ClassVar[str] = "overview"

    def body(self) -> ComposeResult:
        with Horizontal():
            with Vertical(classes="panel") as left:
                left.border_title = "Risk now"
                yield VirtualTable(COLUMNS, alert_rows())
            with Vertical(classes="panel") as right:
                right.border_title = "Last hour"
                yield Meter("posture", 0.61, "61%")
                yield Bars(
                    [Bar("ssh", 81, "81"), Bar("dns tunnel", 40, "40", Role.HIGH), Bar("x", 0.2, "0", Role.LOW)]
                )
                yield Sparkline([(number * 7) % 23 for number in range(200)])
                yield LinePlot([(number * number) % 97 for number in range(90)])


class SampleApp(PandoraApp):
    """A console whose first screen is the one given."""

    first_screen: Screen[Any]

    def get_default_screen(self) -> Screen[Any]:
        return self.first_screen
