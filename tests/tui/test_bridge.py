"""The thread between screen and store: merging, back-off, requests, failures, and how it ends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from textual.message import Message

from pandora_core.errors import StoreError
from pandora_tui.desks.bridge import Bridge, Pace, reason_of
from pandora_tui.messages import EngineState, PollFailed, PollRecovered, Reply, Status, UpdateReady

LIVE = Status(EngineState.LIVE)
FAST = Pace(busy_s=0.002, idle_s=0.002, failed_s=0.002, failed_most_s=0.01)


@dataclass(frozen=True)
class News:
    """An update that remembers which polls it came from."""

    numbers: tuple[int, ...]
    status: Status = LIVE

    def merged(self, newer: News) -> News:
        return News(self.numbers + newer.numbers, newer.status)


class Feed:
    """A poll that can be opened: it gives each item of ``script`` in turn (or raises it), then nothing."""

    def __init__(self, *script: News | Exception | None) -> None:
        self.script = list(script)
        self.opened = self.closed = self.polls = 0
        self.threads: set[int] = set()

    @contextmanager
    def open(self) -> Iterator[Callable[[], News | None]]:
        self.opened += 1
        try:
            yield self.poll
        finally:
            self.closed += 1

    def poll(self) -> News | None:
        self.polls += 1
        self.threads.add(threading.get_ident())
        item = self.script.pop(0) if self.script else None
        if isinstance(item, Exception):
            raise item
        return item


class Screen:
    """Stands in for the app: keeps what was posted."""

    def __init__(self) -> None:
        self.posted: list[Message] = []

    def kinds(self) -> list[type[Message]]:
        return [type(message) for message in self.posted]

    def wait(self, is_enough: Callable[[], Any], timeout_s: float = 3.0) -> None:
        end = time.monotonic() + timeout_s
        while not is_enough():
            assert time.monotonic() < end, "it did not happen in time"
            time.sleep(0.001)


@pytest.fixture
def screen() -> Screen:
    return Screen()


@contextmanager
def running(feed: Feed, screen: Screen, pace: Pace = FAST) -> Iterator[Bridge]:
    bridge = Bridge(feed.open, screen.posted.append, pace)
    bridge.start()
    try:
        yield bridge
    finally:
        assert bridge.stop()


def test_updates_that_nobody_fetched_are_merged_and_told_once(screen: Screen) -> None:
    feed = Feed(News((1,)), News((2,)), None, News((3,)))
    with running(feed, screen) as bridge:
        screen.wait(lambda: feed.polls >= 5)
        assert screen.kinds() == [UpdateReady]
        assert bridge.take() == News((1, 2, 3))
        assert bridge.take() is None
        feed.script.append(News((4,)))
        screen.wait(lambda: len(screen.posted) == 2)
        assert bridge.take() == News((4,))


def test_the_poll_runs_on_a_thread_of_its_own_and_is_closed_there(screen: Screen) -> None:
    feed = Feed()
    with running(feed, screen):
        screen.wait(lambda: feed.polls > 3)
    assert threading.get_ident() not in feed.threads
    assert len(feed.threads) == 1
    assert (feed.opened, feed.closed) == (1, 1)


def test_a_failed_poll_becomes_a_state_and_is_tried_again(screen: Screen) -> None:
    feed = Feed(News((1,)), StoreError("the database is locked", hint="wait"), ValueError("odd"), News((2,)))
    with running(feed, screen):
        screen.wait(lambda: PollRecovered in screen.kinds() and len(feed.script) == 0)
    reasons = [message.reason for message in screen.posted if isinstance(message, PollFailed)]
    assert reasons == ["the database is locked. wait", "ValueError: odd"]
    assert screen.kinds().count(PollRecovered) == 1
    assert feed.opened == feed.closed == 3


def test_a_store_that_cannot_be_opened_is_a_state_too(screen: Screen) -> None:
    feed = Feed()
    attempts: list[int] = []

    @contextmanager
    def open_later() -> Iterator[Callable[[], News | None]]:
        attempts.append(1)
        if len(attempts) < 3:
            raise StoreError("no such folder")
        with feed.open() as poll:
            yield poll

    bridge = Bridge(open_later, screen.posted.append, FAST)
    bridge.start()
    screen.wait(lambda: PollRecovered in screen.kinds())
    assert bridge.stop()
    assert screen.kinds().count(PollFailed) == 2


def test_failures_are_retried_less_and_less_often(screen: Screen) -> None:
    pace = Pace(busy_s=0.001, idle_s=0.001, failed_s=0.02, failed_most_s=0.08)
    feed = Feed(*[ValueError("again")] * 50)
    with running(feed, screen, pace):
        time.sleep(0.5)
    assert 4 <= len(screen.posted) <= 12


def test_it_polls_less_often_when_there_is_no_news(screen: Screen) -> None:
    feed = Feed(*[News((number,)) for number in range(5)])
    with running(feed, screen, Pace(busy_s=0.001, idle_s=0.2)):
        screen.wait(lambda: feed.polls >= 6)
        time.sleep(0.1)
        assert feed.polls <= 7


def test_a_request_runs_at_once_on_the_bridge_and_is_answered_on_the_screen(screen: Screen) -> None:
    feed = Feed()
    answers: list[tuple[str, int]] = []
    with running(feed, screen, Pace(idle_s=30)) as bridge:
        screen.wait(lambda: feed.polls == 1)
        bridge.request(lambda: threading.get_ident(), lambda ident: answers.append(("ran on", ident)))
        screen.wait(lambda: Reply in screen.kinds())
        assert answers == [], "only the screen's thread delivers"
        reply = screen.posted[0]
        assert isinstance(reply, Reply)
        reply.deliver()
        screen.wait(lambda: feed.polls == 2)
    assert answers == [("ran on", next(iter(feed.threads)))]


def test_a_request_that_fails_is_told_to_whoever_asked_or_shown(screen: Screen) -> None:
    def fail() -> None:
        raise StoreError("gone")

    told: list[str] = []
    with running(Feed(), screen) as bridge:
        bridge.request(fail, told.append, lambda error: told.append(str(error)))
        screen.wait(lambda: len(screen.posted) == 1)
        bridge.request(fail, told.append)
        screen.wait(lambda: PollFailed in screen.kinds())
    reply = screen.posted[0]
    assert isinstance(reply, Reply)
    reply.deliver()
    assert told == ["gone"]


def test_it_stops_while_it_waits_and_says_when_it_cannot(screen: Screen) -> None:
    release = threading.Event()

    @contextmanager
    def open_stuck() -> Iterator[Callable[[], News | None]]:
        release.wait(5)
        yield lambda: None

    with running(Feed(), screen, Pace(idle_s=60)) as bridge:
        started = time.monotonic()
        assert bridge.stop()
        assert time.monotonic() - started < 1
    stuck = Bridge(open_stuck, screen.posted.append, FAST)
    stuck.start()
    assert not stuck.stop(timeout_s=0.02)
    release.set()
    assert stuck.stop()


def test_only_the_last_of_several_notices_is_worth_handling() -> None:
    assert UpdateReady().can_replace(UpdateReady())
    assert PollFailed("a").can_replace(PollFailed("b"))
    assert not UpdateReady().can_replace(PollFailed("a"))


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (StoreError("busy", where="pandora.db"), "pandora.db: busy"),
        (KeyError("column"), "KeyError: 'column'"),
        (ValueError(), "ValueError"),
        (ValueError("line one\nline two \x1b[31m"), "ValueError: line one"),
        (RuntimeError("\x1b]0;title\x07"), "RuntimeError: ␛]0;title␇"),
    ],
)
def test_a_reason_is_one_safe_line(error: Exception, expected: str) -> None:
    assert reason_of(error) == expected
