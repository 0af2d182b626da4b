"""Owns the console without a screen: alerts printed as they come, for people or for programs."""

from __future__ import annotations

import contextlib
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import click

from pandora_core import bootstrap, shapes
from pandora_core.cli.output import plain
from pandora_core.model import Severity
from pandora_core.store.rows import AlertView
from pandora_tui.stories.words import day_text
from pandora_tui.style import severity_mark

LOOK_S = 0.5


@contextlib.contextmanager
def until_stopped() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set: so interrupted, a command ends as one that is done."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, on_signal) for number in numbers]
    try:
        yield stop
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def print_alerts(
    data: Path, stop: threading.Event, *, as_json: bool, since: int = 0, seconds: float | None = None
) -> None:
    """Print the alerts that come after change ``since``, until ``stop`` is set or for some seconds.

    As text an alert is a line when it opens and whenever it gets worse; as NDJSON whenever anything about it changes,
    in the shape of ``pandora alerts list --json``.
    """
    ends_s = float("inf") if seconds is None else time.monotonic() + seconds
    with bootstrap.looking(data) as looking:
        printed = _Printed(as_json)
        while not stop.is_set() and time.monotonic() < ends_s:
            stop.wait(min(LOOK_S, max(0.0, ends_s - time.monotonic())))
            changes = looking.changes(since)
            since = max(since, changes.upto)
            for view in sorted(changes.alerts, key=lambda view: (view.alert.last_seen_us, view.alert.id)):
                printed.tell(view)


class _Printed:
    """What was printed of each alert, so that nothing is printed twice."""

    def __init__(self, as_json: bool, echo: Callable[[str], object] = click.echo) -> None:
        self._as_json = as_json
        self._echo = echo
        self._said: dict[str, str] = {}
        self._worst: dict[str, Severity] = {}

    def tell(self, view: AlertView) -> None:
        if self._as_json:
            line = json.dumps(shapes.alert(view), ensure_ascii=False)
            if self._said.get(view.alert.id) != line:
                self._said[view.alert.id] = line
                self._echo(line)
        elif view.alert.severity > self._worst.get(view.alert.id, -1):
            self._worst[view.alert.id] = view.alert.severity
            self._echo(_line(view))


def _line(view: AlertView) -> str:
    alert = view.alert
    mark = severity_mark(alert.severity)
    techniques = " ".join(alert.techniques[:3])
    what = plain(f"{alert.entity}  {alert.title}  {techniques}".rstrip())
    return f"{day_text(alert.last_seen_us)}  {mark!s:<6}  {alert.risk:>3.0f}  {what}"
