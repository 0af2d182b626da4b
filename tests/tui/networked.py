"""Owns a store with log-ons of a made-up office and an intruder in it, for the tests of the Network screen."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from textual.pilot import Pilot

from pandora_core.model import DAY_US, Event
from pandora_core.store.sqlite import FILE_NAME
from pandora_core.store.store import Store
from pandora_core.store.writer import Batch, Writer, event_tuple
from pandora_tui.app import PandoraApp
from pandora_tui.screens.network import NetworkScreen
from pandora_tui.survey.sights import Picture
from pandora_tui.survey.whole import Whole
from tests.tui import stored
from tests.tui.stored import until
from tests.unit.graph_samples import START_US, graph_of, intrusion, log_on, office


def fill(folder: Path, events: Sequence[Event] | None = None) -> Store:
    """Log-ons of ten days, the intrusion on the ninth, and an engine that is live."""
    store = Store(folder / FILE_NAME)
    listed = company() if events is None else events
    rows = [event_tuple(number, 1, 0, 1, number, one) for number, one in enumerate(listed, 1)]
    newest = max((one.at_us for one in listed), default=0)
    status = stored.status(watermark_us=newest, last_event_id=len(rows))
    Writer(store).commit(Batch(files=list(stored.FILES), events=rows, status=status))
    return store


def company() -> list[Event]:
    return sorted([*office(), *intrusion()], key=lambda one: one.at_us)


def console(folder: Path) -> PandoraApp:
    """A console that shows the Network screen first."""
    return stored.console(folder, place="network")


class Seen(NamedTuple):
    """The Network screen with its graph, and the keys before it."""

    app: PandoraApp
    pilot: Pilot[None]
    screen: NetworkScreen

    async def press(self, *keys: str, then: str) -> None:
        """Press keys, and wait until words are shown."""
        await self.pilot.press(*keys)
        await self.until(then)

    async def until(self, words: str) -> None:
        await until(self.pilot, lambda: words in stored.shown(self.app))

    async def until_noted(self, words: str) -> None:
        """Wait for a note with these words."""
        await until(self.pilot, lambda: any(words in note.message for note in self.app._notifications))

    @property
    def picture(self) -> Picture:
        assert self.screen.picture is not None
        return self.screen.picture


@asynccontextmanager
async def seen(folder: Path, size: tuple[int, int]) -> AsyncIterator[Seen]:
    """A console that shows the graph of a folder's store."""
    app = console(folder)
    async with app.run_test(size=size) as pilot:
        yield Seen(app, pilot, await drawn(pilot))


async def drawn(pilot: Pilot[None]) -> NetworkScreen:
    """The screen, once its graph is there."""
    screen = pilot.app.screen
    assert isinstance(screen, NetworkScreen)
    await until(pilot, lambda: "Ranked moves" in stored.shown(pilot.app) and "reading" not in stored.shown(pilot.app))
    await pilot.pause()
    return screen


def large(hosts: int = 2_000, seed: int = 3) -> Whole:
    """A network of so many hosts, laid out."""
    return Whole.of(1, graph_of(large_log_ons(hosts, seed)).at(), {})


def large_log_ons(hosts: int, seed: int = 3) -> list[Event]:
    """Each of so many hosts at three of eighty servers, one in nine also at another host."""
    rng, events = random.Random(seed), []
    for number in range(hosts):
        source = f"10.{number // 60_000}.{number // 250 % 250}.{number % 250 + 1}"
        targets = [f"SRV-{rng.randrange(80):02d}" for _ in range(3)]
        targets += [f"WS-{rng.randrange(hosts):04d}"] if number % 9 == 0 else []
        for target in targets:
            at_us = START_US + rng.randrange(5 * DAY_US)
            events.append(log_on(at_us, source, target, f"user{number}", name=f"WS-{number:04d}"))
    return sorted(events, key=lambda one: one.at_us)
