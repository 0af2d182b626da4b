from __future__ import annotations

import sqlite3
import stat
from pathlib import Path

import pytest
from sqlalchemy import inspect

from pandora_core.detect.behaviour import Fired
from pandora_core.detect.edges import Edge
from pandora_core.detect.incidents.risk import score
from pandora_core.errors import (
    NotFoundError,
    RefusedError,
    StaleActionError,
    StoreError,
    StoreVersionError,
)
from pandora_core.model import ActionKind, Alert, Detection, EntityRef, Event, Severity, Verdict
from pandora_core.store import maintenance, schema
from pandora_core.store.changes import ChangeReader
from pandora_core.store.migrations import migrate, migrations
from pandora_core.store.operator import Operator
from pandora_core.store.reader import Reader
from pandora_core.store.rows import BadLineRow, EngineStatus, FileRow, RawLine
from pandora_core.store.sqlite import choose
from pandora_core.store.store import Store
from pandora_core.store.writer import Batch, EntityState, Snapshot, Writer, event_tuple

WS = EntityRef("host", "ws-114")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "pandora.db")


def an_event(number: int, **fields: object) -> Event:
    return Event(at_us=number * 1_000_000, dataset="zeek.conn", **fields)  # type: ignore[arg-type]


def a_detection(number: str = "d1", *, points: float = 50.0, entity: EntityRef = WS) -> Detection:
    return Detection(
        number, "port-scan", entity, 1, 2, 3, points, "a scan", ("because",), event_ids=(1,), hosts=("ws-114",)
    )


def a_batch(first_id: int = 1, count: int = 3, alert_id: str = "A-1") -> Batch:
    detection = a_detection()
    found = score([detection])
    alert = Alert(
        alert_id,
        WS,
        Severity.MEDIUM,
        found.risk,
        "a scan",
        1,
        2,
        found.contributions,
        (detection.id,),
        hosts=("ws-114",),
    )
    events = [
        event_tuple(i, 1, i * 10, 9, i, an_event(i, source_ip="10.0.0.1")) for i in range(first_id, first_id + count)
    ]
    return Batch(
        events=events,
        files=[a_file()],
        fired=[Fired(detection, 1, 1)],
        alerts=[alert],
        entities=[EntityState(WS, found, 2, 1, 2, 1)],
        edges=[Edge("logon", "a", "b", "u", 1, 2, 3)],
        status=a_status(first_id + count - 1),
        minute_us=60_000_000,
    )


def a_file(**changes: object) -> FileRow:
    values = {
        "id": 1, "path": "/var/log/conn.log", "member": "", "format": "zeek", "head_hash": "h", "checkpoint": "{}",
        "events": 3, "bad_lines": 0, "first_event_us": 1, "last_event_us": 3, "last_read_us": 5, "backlog_bytes": 0,
        "state": "live",
    }  # fmt: skip
    return FileRow(**{**values, **changes})


def a_status(last_event_id: int, watermark_us: int = 10_000_000) -> EngineStatus:
    return EngineStatus(
        pid=1, host="here", version="0", state="live", started_at_us=1, heartbeat_us=2, watermark_us=watermark_us,
        last_event_id=last_event_id, events_per_s=1.5, backlog_bytes=0, lag_s=0.0,
    )  # fmt: skip


def operator(store: Store, name: str = "alice") -> Operator:
    return Operator(store, name, "console-1")


def test_the_migrations_make_exactly_the_tables_that_the_code_knows(store: Store) -> None:
    found = inspect(store.engine)
    assert set(found.get_table_names()) - {"sqlite_sequence"} == set(schema.metadata.tables)
    for name, table in schema.metadata.tables.items():
        columns = {c["name"]: (str(c["type"]), c["nullable"]) for c in found.get_columns(name)}
        expected = {c.name: (str(c.type.compile(store.engine.dialect)), bool(c.nullable)) for c in table.columns}
        assert columns == expected, name
        assert {i["name"] for i in found.get_indexes(name)} == {i.name for i in table.indexes}, name


def test_every_earlier_version_migrates_to_the_newest(tmp_path: Path) -> None:
    steps = migrations()
    assert [step.version for step in steps] == list(range(1, len(steps) + 1))
    for version in range(len(steps)):
        path = tmp_path / f"{version}.db"
        with sqlite3.connect(path) as old:
            for step in steps[:version]:
                old.executescript(step.sql)
            old.execute(f"PRAGMA user_version={version}")
        path.chmod(0o600)
        store = Store(path)
        assert maintenance.check(store).version == steps[-1].version
        assert migrate(store.engine)[0] == steps[-1].version


def test_a_store_of_a_newer_pandora_is_refused_with_advice(tmp_path: Path) -> None:
    path = tmp_path / "pandora.db"
    Store(path).close()
    with choose().module.connect(str(path)) as newer:
        newer.execute("PRAGMA user_version=9999")
    with pytest.raises(StoreVersionError, match=r"9999.*newer one"):
        Store(path)


def test_a_file_that_is_no_store_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "pandora.db"
    path.write_bytes(b"not a database, but long enough to be looked at" * 20)
    path.chmod(0o600)
    with pytest.raises(StoreError, match="not a database"):
        Store(path)
    assert path.read_bytes().startswith(b"not a database")


def test_the_files_of_a_store_are_private(tmp_path: Path, store: Store) -> None:
    Writer(store).commit(a_batch())
    for path in tmp_path.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_store_that_everybody_can_read_is_refused(tmp_path: Path, store: Store) -> None:
    store.path.chmod(0o644)
    with pytest.raises(StoreError, match="chmod 600"):
        Store(store.path)


def test_a_batch_is_read_back_as_it_was_written(store: Store) -> None:
    Writer(store).commit(a_batch())
    reader = Reader(store)
    detail = reader.alert("A-1")
    assert detail.view.alert.title == "a scan"
    assert [found.id for found in detail.detections] == ["d1"]
    assert [(row.id, row.path, row.event.source_ip) for row in detail.events] == [
        (1, "/var/log/conn.log", "10.0.0.1")
    ]
    assert reader.entities()[0].ref == WS
    assert reader.files()[0].state == "live"
    assert reader.counts()["events"] == 3


def test_a_batch_that_fails_leaves_nothing_behind(store: Store) -> None:
    Writer(store).commit(a_batch())
    again = a_batch(first_id=3)  # event 3 exists
    again.files = [a_file(events=99)]
    with pytest.raises(StoreError):
        Writer(store).commit(again)
    assert Reader(store).files()[0].events == 3
    assert Reader(store).counts()["events"] == 3


def test_changes_are_seen_once_and_in_commit_order(store: Store) -> None:
    writer, looking = Writer(store), ChangeReader(store.path)
    assert looking.changes(0).alerts == ()
    first = writer.commit(a_batch())
    changes = looking.changes(0)
    assert changes.upto == first
    assert [view.alert.id for view in changes.alerts] == ["A-1"]
    assert looking.changes(first).alerts == ()
    operator(store).act("A-1", ActionKind.ACKNOWLEDGE, at_us=1)
    later = looking.changes(first)
    assert [view.triage.state for view in later.alerts] == ["acknowledged"]
    assert later.upto > first


def test_two_writers_get_numbers_in_the_order_of_their_commits(store: Store) -> None:
    writer = Writer(store)
    numbers = [writer.commit(Batch(status=a_status(0)))]
    operator(store).add_source("/var/log", "auto", temporary=False, at_us=1)
    numbers.append(writer.commit(Batch(status=a_status(0))))
    assert numbers[1] == numbers[0] + 2


def test_a_raw_line_survives_compression_and_bytes_that_are_no_text(store: Store) -> None:
    import zlib

    line = b"\xff\x00 raw \x1b[31m"
    Writer(store).commit(Batch(raw_lines=[RawLine(7, "/log", 3, zlib.compress(line))]))
    kept = Reader(store).raw_line(7)
    assert kept is not None
    assert (kept.line, kept.line_number) == (line, 3)
    assert Reader(store).raw_line(8) is None


def test_the_newest_snapshot_replaces_the_one_before(store: Store) -> None:
    writer = Writer(store)
    assert writer.snapshot() is None
    for number in (5, 9):
        writer.commit(Batch(snapshot=Snapshot(number, 1, "v", b"\x00state")))
    assert writer.snapshot() == Snapshot(9, 1, "v", b"\x00state")


def test_events_after_a_snapshot_come_back_in_the_order_they_were_judged(store: Store) -> None:
    Writer(store).commit(a_batch(count=5))
    assert [number for number, _ in Writer(store).events_after(2)] == [3, 4, 5]


def test_an_event_number_is_never_given_twice_even_after_retention(store: Store) -> None:
    writer = Writer(store)
    writer.commit(a_batch(count=5))
    with store.writing() as connection:
        connection.exec_driver_sql("DELETE FROM events")
    assert writer.last_event_id() == 5


def test_an_alert_that_went_into_another_is_found_under_its_old_name(store: Store) -> None:
    Writer(store).commit(a_batch())
    moved = a_batch(first_id=10, alert_id="A-2")
    moved.gone_alerts = {"A-1": "A-2"}
    Writer(store).commit(moved)
    assert Reader(store).alert("A-1").view.alert.id == "A-2"
    assert [view.alert.id for view in Reader(store).alerts()] == ["A-2"]


def test_an_unknown_alert_is_an_error_that_says_what_to_do(store: Store) -> None:
    with pytest.raises(NotFoundError, match="pandora alerts list"):
        Reader(store).alert("A-9")
    with pytest.raises(NotFoundError):
        operator(store).act("A-9", ActionKind.ACKNOWLEDGE, at_us=1)


def test_undo_takes_back_only_ones_own_last_action(store: Store) -> None:
    Writer(store).commit(a_batch())
    alice, bob = operator(store), operator(store, "bob")
    alice.act("A-1", ActionKind.ACKNOWLEDGE, at_us=1)
    bob.act("A-1", ActionKind.VERDICT, Verdict.BENIGN, at_us=2)
    alice.undo("A-1", at_us=3)
    triage = Reader(store).alert("A-1").view.triage
    assert (triage.state, triage.verdict) == ("new", Verdict.BENIGN)
    with pytest.raises(RefusedError, match="nothing to undo"):
        alice.undo("A-1", at_us=4)


def test_a_stale_action_is_refused_and_names_who_was_first(store: Store) -> None:
    Writer(store).commit(a_batch())
    operator(store, "bob").act("A-1", ActionKind.CLOSE, at_us=1)
    with pytest.raises(StaleActionError, match="bob on console-1 acted first"):
        operator(store).act("A-1", ActionKind.ASSIGN, "carol", at_us=2, seen_id=0)
    operator(store).act("A-1", ActionKind.NOTE, "a note never conflicts", at_us=3, seen_id=0)


def test_acknowledging_twice_is_refused(store: Store) -> None:
    Writer(store).commit(a_batch())
    operator(store, "bob").act("A-1", ActionKind.ACKNOWLEDGE, at_us=1)
    with pytest.raises(RefusedError, match="acknowledged already, by bob"):
        operator(store).act("A-1", ActionKind.ACKNOWLEDGE, at_us=2)


def test_tags_are_added_and_taken_away(store: Store) -> None:
    Writer(store).commit(a_batch())
    for tag in ("crown-jewel", "scanner", "-scanner"):
        operator(store).act("host:ws-114", ActionKind.TAG, tag, at_us=1)
    assert Reader(store).tags("host:ws-114") == ["crown-jewel"]


def test_a_source_is_added_once_and_removed_by_number_or_pattern(store: Store) -> None:
    alice = operator(store)
    first = alice.add_source("/a", "auto", temporary=False, at_us=1)
    assert alice.add_source("/a", "auto", temporary=False, at_us=2) == first
    alice.add_source("/b", "zeek", temporary=True, at_us=3)
    alice.remove_source(str(first), at_us=4)
    assert [row.pattern for row in Reader(store).sources()] == ["/b"]
    alice.remove_source("/b", at_us=5)
    with pytest.raises(NotFoundError):
        alice.remove_source("/b", at_us=6)


def test_events_are_found_by_observable_dataset_text_and_time(store: Store) -> None:
    rows = [
        event_tuple(1, 1, 0, 1, 1, an_event(1, source_ip="10.0.0.1", more={"note": "100%_sure"})),
        event_tuple(2, 1, 0, 1, 2, an_event(2, user="alice", host="db-02")),
        event_tuple(3, 1, 0, 1, 3, an_event(3, destination_ip="10.0.0.1")),
    ]
    Writer(store).commit(Batch(events=rows, files=[a_file()]))
    reader = Reader(store)

    def ids(**query: object) -> list[int]:
        return [row.id for row in reader.search_events(**query)]  # type: ignore[arg-type]

    assert ids(observable="10.0.0.1") == [3, 1]
    assert ids(observable="alice") == [2]
    assert ids(text="100%_sure") == [1]
    assert ids(text="100__sure") == []
    assert ids(dataset="zeek.*", from_us=2_000_000) == [3, 2]
    assert ids(to_us=2_000_000) == [1]
    assert ids(limit=1, before_id=3) == [2]


def test_a_sound_store_is_found_sound_and_a_damaged_one_is_not(store: Store) -> None:
    Writer(store).commit(a_batch(count=2000))
    assert maintenance.check(store).problems == []
    with store.writing() as connection:
        connection.exec_driver_sql("UPDATE detections SET alert_id = 'A-lost'")
    assert any("alerts that are not there" in problem for problem in maintenance.check(store).problems)


def test_a_backup_is_a_whole_store_and_never_overwrites(tmp_path: Path, store: Store) -> None:
    Writer(store).commit(a_batch())
    target = tmp_path / "copy.db"
    assert maintenance.backup(store, target) > 0
    assert Reader(Store(target)).counts() == Reader(store).counts()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with pytest.raises(StoreError, match="exists already"):
        maintenance.backup(store, target)


def test_compaction_gives_space_back(store: Store) -> None:
    Writer(store).commit(a_batch(count=20_000))
    with store.writing() as connection:
        connection.exec_driver_sql("DELETE FROM events")
    before, after = maintenance.compact(store)
    assert after < before / 2


def test_retention_by_age_keeps_young_events_and_those_of_alerts(store: Store) -> None:
    batch = a_batch(count=100)
    batch.raw_lines = [RawLine(1, "/log", 1, b"")]
    batch.status = a_status(100, watermark_us=100_000_000)
    Writer(store).commit(batch)
    assert maintenance.retain(store, maintenance.Retention(max_age_us=10_000_000, max_bytes=None)) == 88
    assert maintenance.retain(store, maintenance.Retention(max_age_us=10_000_000, max_bytes=None)) == 0
    kept = sorted(row.id for row in Reader(store).search_events())
    assert kept == [1, *range(90, 101)]


def test_retention_by_size_deletes_the_oldest(store: Store) -> None:
    Writer(store).commit(a_batch(count=30_000))
    deleted = maintenance.retain(store, maintenance.Retention(max_age_us=None, max_bytes=1_000_000))
    assert deleted > 0
    assert min(row.id for row in Reader(store).search_events(limit=100_000)) == deleted + 1


def test_bad_lines_are_kept_with_their_place(store: Store) -> None:
    Writer(store).commit(Batch(files=[a_file()], bad_lines=[BadLineRow(1, 7, 60, "too short", "abc")]))
    (bad,) = Reader(store).bad_lines()
    assert (bad.path, bad.line_number, bad.reason) == ("/var/log/conn.log", 7, "too short")


def test_an_import_is_requested_told_and_read(store: Store) -> None:
    number = operator(store).request_import(["/a", "/b"], "auto", at_us=1)
    Writer(store).set_import(number, "done", '{"events": 3}')
    (request,) = Reader(store).imports()
    assert (request.patterns, request.state, request.summary) == (("/a", "/b"), "done", '{"events": 3}')
