"""The console's way to the store: what it tells, in which portions, and what it says of the engine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from pandora_core.errors import RefusedError, StaleActionError, StoreError
from pandora_core.model import SECOND_US, ActionKind, Verdict
from pandora_core.store.sqlite import FILE_NAME
from pandora_core.store.store import Store
from pandora_core.store.writer import Batch, Writer
from pandora_tui.desks import feed as feeds
from pandora_tui.desks.board import Board
from pandora_tui.desks.engine_starter import EngineStarter
from pandora_tui.desks.feed import Feed
from pandora_tui.messages import EngineState, Status
from tests.tui import stored


def feed_on(folder: Path, **settings: object) -> Feed:
    return Feed(folder, **{"clock": stored.clock, "engine_pid": lambda _: stored.PID, **settings})  # type: ignore[arg-type]


def test_the_first_look_tells_everything_and_the_next_only_what_changed(tmp_path: Path) -> None:
    store = stored.fill(tmp_path)
    with feed_on(tmp_path).open() as poll:
        first = poll()
        assert first is not None
        assert first.alerts.keys() == {number for number, _ in stored.company()}
        assert first.status == Status(EngineState.LIVE, 0.3)
        assert {file.id for file in stored.FILES} == first.files.keys()
        assert poll() is None
        stored.operator(store).act("A-3f9c1b2a", ActionKind.ACKNOWLEDGE, at_us=stored.NOW_US)
        later = poll()
        assert later is not None
        assert [(number, view.triage.state) for number, view in later.alerts.items()] == [
            ("A-3f9c1b2a", "acknowledged")
        ]


def test_an_empty_store_is_told_to_be_complete(tmp_path: Path) -> None:
    with feed_on(tmp_path).open() as poll:
        news = poll()
    assert news is not None
    assert news.is_complete
    assert not news.alerts


def test_many_alerts_come_in_portions_the_worst_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "SLICE", 2)
    stored.fill(tmp_path)
    with feed_on(tmp_path).open() as poll:
        portions = [news for _ in range(3) if (news := poll()) is not None]
    assert [len(news.alerts) for news in portions] == [2, 2, 1]
    assert [news.is_complete for news in portions] == [False, False, True]
    risks = [view.alert.risk for news in portions for view in news.alerts.values()]
    assert risks == sorted(risks, reverse=True)


def test_updates_that_wait_become_one_in_which_the_newer_counts(tmp_path: Path) -> None:
    store = stored.fill(tmp_path)
    with feed_on(tmp_path).open() as poll:
        first = poll()
        Writer(store).commit(Batch(gone_alerts={"A-0b0b0b0b": None}, status=stored.status(lag_s=7.0)))
        stored.operator(store).act("A-90d1e2f3", ActionKind.CLOSE, at_us=stored.NOW_US)
        second = poll()
    assert first is not None
    assert second is not None
    both = first.merged(second)
    assert "A-0b0b0b0b" not in both.alerts
    assert both.gone == {"A-0b0b0b0b"}
    assert both.alerts["A-90d1e2f3"].triage.state == "closed"
    assert both.status.lag_s == 7.0
    assert both.files.keys() == first.files.keys()
    board, same = Board(stored.clock), Board(stored.clock)
    board.apply(both)
    for news in (first, second):
        same.apply(news)
    assert told(board) == told(same)


def told(board: Board) -> dict[str, tuple[object, ...]]:
    rows = board.alerts
    return {str(rows.key(i)): tuple(rows.row(i)) for i in range(rows.next_id) if rows.row(i).state}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Status(EngineState.LIVE, 0.3)),
        ({"pid": stored.PID + 1}, Status(EngineState.STARTING)),
        (
            {"heartbeat_us": stored.NOW_US - 42 * SECOND_US},
            Status(EngineState.LIVE, 0.3, problem="the engine has said nothing for 42s"),
        ),
    ],
)
def test_the_status_is_what_the_engine_said_and_how_long_ago(
    tmp_path: Path, changes: dict[str, int], expected: Status
) -> None:
    assert feed_on(tmp_path).status(stored.status(**changes)) == expected


def test_an_engine_that_ends_is_noticed_though_nothing_changes_in_the_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeds, "_LOOK_S", 0.0)
    stored.fill(tmp_path)
    pids = [stored.PID, stored.PID]
    with feed_on(tmp_path, engine_pid=lambda _: pids.pop() if pids else None).open() as poll:
        poll()
        assert poll() is None
        died = poll()
    assert died is not None
    assert died.status.engine is EngineState.STOPPED
    assert "the engine died: engine.log says why" in died.status.problem


def test_an_engine_that_was_stopped_on_purpose_is_no_problem(tmp_path: Path) -> None:
    feed = feed_on(tmp_path, engine_pid=lambda _: None)
    assert feed.status(stored.status(state="stopped")) == Status(EngineState.STOPPED)
    assert feed.status(None) == Status(EngineState.STOPPED)


def test_an_engine_is_started_once_what_there_is_was_shown_and_not_again(tmp_path: Path) -> None:
    started: list[Path] = []

    def start(data: Path) -> int:
        started.append(data)
        return 1

    starter = EngineStarter(tmp_path, start=start)
    feed = feed_on(tmp_path, starter=starter, engine_pid=lambda _: None)
    for _ in range(2):
        with feed.open() as poll:
            poll()
            poll()
    starter.stop_own()
    assert started == [tmp_path]


def test_a_start_that_fails_is_a_problem_on_the_top_line(tmp_path: Path) -> None:
    def fail(_: Path) -> int:
        raise StoreError("the disk is full", hint="free some")

    starter = EngineStarter(tmp_path, start=fail)
    feed = feed_on(tmp_path, starter=starter, engine_pid=lambda _: None)
    with feed.open() as poll:
        poll()  # shows what there is; the next look starts the engine
        poll()
        starter.stop_own()
    assert feed.status(None) == Status(
        EngineState.STOPPED, problem="the engine did not start: the disk is full. free some"
    )


def test_actions_go_to_the_store_and_stale_ones_come_back_with_a_name(tmp_path: Path) -> None:
    store = stored.fill(tmp_path)
    feed = feed_on(tmp_path)
    with feed.open():
        mine = feed.act("A-3f9c1b2a", ActionKind.VERDICT, Verdict.BENIGN.value, 0)
        assert mine.actor == feed.actor
        stored.operator(store, "bob").act("A-77ab01c4", ActionKind.CLOSE, "known", at_us=stored.NOW_US)
        with pytest.raises(StaleActionError, match="bob on console-2 acted first"):
            feed.act("A-77ab01c4", ActionKind.ASSIGN, "me", 0)
        assert feed.undo("A-3f9c1b2a").undoes == mine.id
        with pytest.raises(RefusedError):
            feed.undo("A-3f9c1b2a")


def test_a_question_before_the_store_is_open_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not open yet"):
        feed_on(tmp_path).alert("A-1")
    with pytest.raises(StoreError, match="not open yet"):
        feed_on(tmp_path).undo("A-1")


def test_a_raw_line_comes_from_the_store_where_it_was_kept(tmp_path: Path) -> None:
    stored.fill(tmp_path)
    feed = feed_on(tmp_path)
    with feed.open():
        row = feed.alert("A-3f9c1b2a").events[0]
        raw = feed.raw_text(row)
    assert (raw.origin, raw.text) == ("store", stored.raw_line(row.id).decode())


def test_the_facts_name_the_versions_and_the_size_of_the_store(tmp_path: Path) -> None:
    Store(tmp_path / FILE_NAME).close()
    feed = feed_on(tmp_path)
    with feed.open():
        facts = feed.facts()
    assert {name for name, _ in facts.versions} == {"pandora", "sqlite", "textual"}
    assert facts.store_bytes >= (tmp_path / FILE_NAME).stat().st_size > 0


def test_ages_count_on_the_clock_of_the_logs(tmp_path: Path) -> None:
    stored.fill(tmp_path)
    board = Board(stored.clock)
    with feed_on(tmp_path).open() as poll:
        news = poll()
    assert news is not None
    old = stored.NOW_US - 10**15
    engine = stored.status(watermark_us=old)
    files = {1: stored.file(1, "/x", "zeek", last_read_us=stored.NOW_US - 60 * SECOND_US)}
    board.apply(replace(news, engine=engine, files=files))
    assert board.event_now_us == old + 60 * SECOND_US
    assert Board(stored.clock).event_now_us == stored.NOW_US
