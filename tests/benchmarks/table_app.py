"""Owns a console whose one list has ROWS rows and gets RATE more a second: what ``bench_table`` types into."""

from __future__ import annotations

import random
import sys
import tempfile
import time
from array import array
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.screen import Screen

from pandora_core.model import Severity
from pandora_tui.app import PandoraApp, run_console
from pandora_tui.screens.base import PandoraScreen
from pandora_tui.style import Role, severity_mark
from pandora_tui.widgets.columns import Column
from pandora_tui.widgets.rows import Kind, Rows
from pandora_tui.widgets.virtual_table import VirtualTable

RULES = ("ssh.bruteforce", "lateral.smb", "dns.tunnel", "cred.dump", "beacon.jitter", "vault.access")
FIELDS = {"at": Kind.REAL, "risk": Kind.REAL, "addresses": Kind.INTEGER, "rule": Kind.CHOICE}


def clock(row: Any) -> str:
    return f"{int(row.at // 3600) % 24:02d}:{int(row.at // 60) % 60:02d}:{row.at % 60:06.3f}"


def severity_role(row: Any) -> Role:
    return severity_mark(Severity.of_risk(row.risk)).role


def address(shift: int, row: Any) -> str:
    return f"10.{row.addresses >> shift & 255}.{row.addresses >> shift + 8 & 255}.{row.addresses >> shift + 16 & 255}"


COLUMNS = (
    Column("severity", lambda row: str(severity_mark(Severity.of_risk(row.risk))), 8, role=severity_role),
    Column("risk", lambda row: f"{row.risk:.0f}", 4, right=True, role=severity_role),
    Column("time", clock, 12, role=Role.MUTED),
    Column("source", partial(address, 0), 15, grow=1),
    Column("destination", partial(address, 24), 15, grow=1, priority=1),
    Column("rule", lambda row: row.rule, 14, grow=2),
)


def mark_of(number: int) -> str:
    """What the top line says after key ``number``: other letters than before, so that they are sent together."""
    return "QWXZJKVY"[number % 8] * 4


class BenchScreen(PandoraScreen):
    PLACE: ClassVar[str] = "overview"
    preload, rate = 1_000_000, 10_000
    is_following = False

    def body(self) -> ComposeResult:
        self.rows = Rows(FIELDS, capacity=self.preload + 200_000)
        for _ in range(0, self.preload, 10_000):  # in small parts, or the parts would be what is measured
            self.add(min(10_000, self.preload))
        self.added, self.keys = 0, 0
        self.table = VirtualTable(COLUMNS, self.rows, follow=self.is_following)
        yield self.table

    def on_mount(self) -> None:
        self.started = time.perf_counter()
        self.set_interval(0.02, self.feed)

    def add(self, count: int) -> None:
        first = self.rows.next_id
        bits = random.getrandbits
        self.rows.extend(
            array("d", [(first + i) * 1e-4 for i in range(count)]),
            array("d", [(bits(10) % 1000) / 10 for _ in range(count)]),
            array("q", [bits(48) for _ in range(count)]),
            [RULES[bits(8) % 6] for _ in range(count)],
        )

    def feed(self) -> None:
        due = int((time.perf_counter() - self.started) * self.rate) - self.added
        if due > 0:
            self.add(due)
            self.added += due

    def on_key(self) -> None:
        """Says on the top line that a key has been seen, after the table has acted on it."""
        self.keys += 1
        self.call_later(self.show_note, mark_of(self.keys))


class BenchApp(PandoraApp):
    def get_default_screen(self) -> Screen[Any]:
        return BenchScreen()


if __name__ == "__main__":
    BenchScreen.preload, BenchScreen.rate = int(float(sys.argv[1])), int(float(sys.argv[2]))
    BenchScreen.is_following = "--follow" in sys.argv
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(run_console(BenchApp(Path(folder), version="bench")))
