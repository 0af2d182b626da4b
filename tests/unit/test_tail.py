"""Following files: growth, rotation, restarts, names, and what is skipped and why."""

from __future__ import annotations

import gzip
import os
import shutil
import threading
import time
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import pytest

from pandora_core.errors import ConfigError
from pandora_core.ingest.format import LogFormat
from pandora_core.ingest.listing import SourceSpec, listed
from pandora_core.ingest.rotation import is_rotation_of, names_before, native, portable, read_back
from pandora_core.ingest.tail import ChangeKind, Checkpoint, Follower
from pandora_core.model import BadLine
from tests.unit.evtx_maker import evtx
from tests.unit.tailing import PlainFormat, Reader, follower


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "auth.log"
    path.write_bytes(b"one\ntwo\n")
    return path


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def pack(path: Path, packed: Path) -> None:
    packed.parent.mkdir(exist_ok=True)
    packed.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()


def ingested(paths: Sequence[object], known: Sequence[Checkpoint] = ()) -> tuple[list[bytes | BadLine], Reader]:
    """What reading once to the end gives."""
    reader = Reader(paths, follow=False)
    reader.stored = dict(enumerate(known))
    reader.start()
    lines = reader.drain_once()
    reader.follower.close()
    return lines, reader


def kinds(reader: Reader) -> list[str]:
    return [change.kind.value for change in reader.changes]


def reasons(reader: Reader) -> dict[str, str]:
    return {
        os.path.basename(change.path) + change.member: change.reason for change in reader.changes if change.is_skipped
    }


def test_a_growing_file_gives_each_line_when_its_newline_comes(log: Path) -> None:
    reader = Reader([log])
    assert reader.drain() == [b"one", b"two"]
    append(log, b"thr")
    assert reader.drain() == []
    append(log, b"ee\nfour\n")
    assert reader.drain() == [b"three", b"four"]
    reader.follower.close()


def test_positions_numbers_and_backlog_are_those_of_the_file(log: Path) -> None:
    reader = follower([log])
    reader.scan()
    (file,) = reader.pending()
    assert file.backlog_bytes() == 8
    assert file.read(1) == ([b"one"], [0], [3], 1)
    assert file.backlog_bytes() == 4
    assert file.read(1) == ([b"two"], [4], [3], 2)
    assert file.read(1) == ([], [], [], 3)
    assert file.backlog_bytes() == 0
    checkpoint = file.checkpoint()
    assert (checkpoint.offset, checkpoint.line_number, checkpoint.format, checkpoint.finished) == (
        8,
        2,
        "plain",
        False,
    )
    assert checkpoint.decoder_state == '{"lines":0}'
    reader.close()


def test_a_checkpoint_goes_through_json(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9 10:00.log")
    path.write_bytes(b"one\ntwo\n")
    reader = Reader([tmp_path])
    assert reader.drain() == [b"one", b"two"]
    (stored,) = reader.stored.values()
    again = msgspec.json.decode(msgspec.json.encode(stored), type=Checkpoint)
    assert again == stored
    assert native(again.path) == str(path)
    reader.stored = {0: again}
    reader.kill()
    append(path, b"three\n")
    assert reader.drain() == [b"three"]
    assert read_back(again, 4, 3) == b"two"
    reader.follower.close()


def test_any_file_name_survives_being_stored() -> None:
    for name in (b"/a/b.log", b"/a/\xff\xfe b", b"/a/\xc3\xa9", "/ä/\U0001f512".encode()):
        text = portable(os.fsdecode(name))
        text.encode("utf-8")
        assert os.fsencode(native(text)) == name


# Rotation while the reader runs, and the same while nothing runs.

Rotate = Callable[[Path], None]


def renamed(path: Path) -> None:
    path.rename(f"{path}.1")
    path.write_bytes(b"five\n")


def renamed_twice(path: Path) -> None:
    renamed(path)
    Path(f"{path}.1").rename(f"{path}.2")
    path.rename(f"{path}.1")
    path.write_bytes(b"six\n")


def packed(path: Path) -> None:
    pack(path, Path(f"{path}.1.gz"))
    path.write_bytes(b"five\n")


def archived(path: Path) -> None:
    pack(path, path.parent / "2024-01-31" / "auth.10:00:00-11:00:00.log.gz")
    path.write_bytes(b"five\n")


def dated(path: Path) -> None:
    path.rename(path.with_name("auth-20240131.log"))
    path.write_bytes(b"five\n")


def copied_and_truncated(path: Path) -> None:
    shutil.copy(path, f"{path}.1")
    os.truncate(path, 0)
    append(path, b"five\n")


def copied_and_overwritten(path: Path) -> None:
    shutil.copy(path, f"{path}.1")
    path.write_bytes(b"five\n" + b"a line that is longer than what was there\n" * 20)
    Path(f"{path}.expected").touch()


def moved_away_with_its_inode_reused(path: Path) -> None:
    shutil.copy(path, f"{path}.1")
    path.unlink()
    path.write_bytes(b"five\n")


ROTATIONS = [
    renamed,
    renamed_twice,
    packed,
    archived,
    dated,
    copied_and_truncated,
    copied_and_overwritten,
    moved_away_with_its_inode_reused,
]


@pytest.mark.parametrize("is_running", [True, False], ids=["online", "offline"])
@pytest.mark.parametrize("pattern", ["auth.log", "auth*", "."])
@pytest.mark.parametrize("rotate", ROTATIONS)
def test_what_was_not_read_before_a_rotation_is_read_after_it(
    log: Path, rotate: Rotate, pattern: str, is_running: bool
) -> None:
    reader = Reader([log.parent / pattern])
    assert reader.drain() == [b"one", b"two"]
    append(log, b"three\n")
    if not is_running:
        reader.kill()
    append(log, b"four unterminated")
    rotate(log)
    found = reader.drain()
    reader.follower.close()
    rest = {renamed_twice: [b"six"], copied_and_overwritten: [b"a line that is longer than what was there"] * 20}
    assert sorted(map(str, found)) == sorted(
        map(str, [b"three", b"four unterminated", b"five", *rest.get(rotate, [])])
    )
    assert found.index(b"three") < found.index(b"four unterminated")


def test_the_old_file_is_read_on_after_a_rename_until_its_writer_moves(log: Path) -> None:
    reader = Reader([log], grace_s=60)
    reader.drain()
    with log.open("ab", buffering=0) as writer:
        log.rename(f"{log}.1")
        writer.write(b"late 1\nlate ")
        assert reader.drain() == [b"late 1"]
        log.write_bytes(b"new 1\n")
        writer.write(b"2\nlate 3")
        assert sorted(map(str, reader.drain())) == sorted(map(str, [b"late 2", b"new 1"]))
    for file in reader.follower.files:
        file.quiet_since -= 61
    assert reader.drain() == [b"late 3"]
    assert [file.path for file in reader.follower.files] == [str(log)]
    reader.follower.close()


def test_a_deleted_file_is_read_to_its_end(log: Path) -> None:
    reader = Reader([log])
    reader.scan()
    log.unlink()
    assert reader.drain() == [b"one", b"two"]
    assert reader.follower.files == []
    log.write_bytes(b"three\n")
    assert reader.drain() == [b"three"]
    reader.follower.close()


def test_a_file_that_was_emptied_without_a_copy_goes_on_from_its_start(log: Path) -> None:
    reader = Reader([log])
    reader.drain()
    log.write_bytes(b"1\n")
    assert reader.drain() == [b"1"]
    assert "truncated" in kinds(reader)
    reader.follower.close()


def test_a_file_overwritten_by_as_many_bytes_within_one_tick_of_the_clock_is_noticed(log: Path) -> None:
    reader = Reader([log])
    assert reader.drain(1) == [b"one", b"two"]
    before = log.stat()
    with log.open("r+b") as file:
        file.write(b"ONE\nTWO\n")
    os.utime(log, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert reader.drain() == [b"ONE", b"TWO"]
    reader.follower.close()


def test_a_file_found_later_in_a_watched_folder_is_read(tmp_path: Path) -> None:
    reader = Reader([tmp_path])
    assert reader.drain() == []
    (tmp_path / "new" / "deep").mkdir(parents=True)
    (tmp_path / "new" / "deep" / "a.log").write_bytes(b"a\n")
    (tmp_path / "empty.log").write_bytes(b"")
    assert reader.drain() == [b"a"]
    append(tmp_path / "empty.log", b"b\n")
    assert reader.drain() == [b"b"]
    reader.follower.close()


def test_a_gz_that_arrives_slowly_is_read_as_it_comes(tmp_path: Path) -> None:
    text = b"".join(
        b"line %d of many that do not pack well %x\n" % (n, hash((n, n * n)) & 0xFFFFFFFF) for n in range(3000)
    )
    data = gzip.compress(text)
    path = tmp_path / "conn.log.gz"
    reader = Reader([tmp_path], grace_s=60)
    found: list[bytes | BadLine] = []
    for start in range(0, len(data), len(data) // 5 + 1):
        append(path, data[start : start + len(data) // 5 + 1])
        found += reader.drain(3)
    assert found == text.splitlines()
    assert reader.follower.files == []
    assert [checkpoint.finished for checkpoint in reader.stored.values()] == [True]
    reader.follower.close()


def test_a_gz_that_stays_truncated_ends_with_a_bad_line_that_says_where(tmp_path: Path) -> None:
    (tmp_path / "conn.log.gz").write_bytes(
        gzip.compress(os.urandom(50_000).hex().encode() + b"\n" + b"x\n" * 9)[:-60]
    )
    lines, reader = ingested([tmp_path])
    assert isinstance(lines[-1], BadLine)
    assert "ends early" in lines[-1].reason
    assert ingested([tmp_path], list(reader.stored.values()))[0] == []
    followed = Reader([tmp_path])
    assert isinstance(followed.drain()[-1], BadLine)
    followed.follower.close()


# Contents that are known.


def test_importing_the_same_content_again_adds_nothing_under_any_name(log: Path) -> None:
    lines, reader = ingested([log])
    assert lines == [b"one", b"two"]
    known = list(reader.stored.values())
    shutil.copy(log, log.with_name("copy.txt"))
    (log.parent / "packed.gz").write_bytes(gzip.compress(log.read_bytes()))
    with zipfile.ZipFile(log.parent / "logs.zip", "w") as archive:
        archive.write(log, "inside/auth.log")
    again, second = ingested([log.parent], known)
    assert again == []
    assert set(reasons(second).values()) == {"read already"}
    append(log, b"three\n")
    assert ingested([log], known)[0] == [b"three"]


@pytest.mark.parametrize("size", [1, 2000])
def test_of_a_longer_copy_only_what_is_new_is_read(tmp_path: Path, size: int) -> None:
    one, two, three = (name * size for name in (b"one", b"two", b"three"))
    for day, lines in (("day1", [one]), ("day2", [one, two]), ("day3", [one, two, three])):
        (tmp_path / day).mkdir()
        (tmp_path / day / "auth.log").write_bytes(b"".join(line + b"\n" for line in lines))
    found, reader = ingested([tmp_path])
    assert found == [one, two, three]
    assert len(reader.stored) == 1
    if size > 1024:
        assert ingested([tmp_path], list(reader.stored.values()))[0] == []


def test_a_shortened_copy_adds_nothing_while_the_original_is_there(log: Path) -> None:
    append(log, b"a line of many\n" * 200)
    _, reader = ingested([log])
    log.with_name("sample.log").write_bytes(log.read_bytes()[:2000])
    lines, second = ingested([log.parent], list(reader.stored.values()))
    assert lines == []
    assert "part of" in reasons(second)["sample.log"]


def test_files_that_share_a_long_header_are_not_confused(tmp_path: Path) -> None:
    header = b"".join(b"# a header line that is the same in all of them %d\n" % number for number in range(50))
    for name in "abc":
        (tmp_path / f"{name}.csv").write_bytes(header + b"of %s\n" % name.encode())
    (tmp_path / "empty.csv").write_bytes(header)
    lines, reader = ingested([tmp_path])
    assert [line for line in lines if not str(line).startswith("b'#")] == [b"of a", b"of b", b"of c"]
    (tmp_path / "d.csv").write_bytes(header + b"of d\n")
    append(tmp_path / "empty.csv", b"not empty any more\n")
    lines, _ = ingested([tmp_path], list(reader.stored.values()))
    assert sorted(map(str, (line for line in lines if not str(line).startswith("b'#")))) == [
        "b'not empty any more'",
        "b'of d'",
    ]


def test_lines_alike_in_two_logs_of_different_content_are_both_read(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"same\n" * 1000 + b"a\n")
    (tmp_path / "b.log").write_bytes(b"same\n" * 1000 + b"b\n")
    lines, reader = ingested([tmp_path])
    assert len(lines) == 2002
    assert ingested([tmp_path], list(reader.stored.values()))[0] == []


def test_an_import_leaves_to_another_follower_what_that_reads(log: Path) -> None:
    live = Reader([log])
    live.drain()
    append(log, b"three\n")
    shutil.copy(log, log.with_name("copy.log"))
    once = Reader([log.parent], follow=False, beside=[live.follower])
    assert once.drain_once() == []
    assert live.drain() == [b"three"]
    live.follower.close()
    once.follower.close()


def test_an_interrupted_import_goes_on_where_it_was(tmp_path: Path) -> None:
    text = b"".join(b"line %d\n" % number for number in range(1000))
    with zipfile.ZipFile(tmp_path / "logs.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.log", text)
        archive.writestr("b.log", b"x" + text)
    reader = Reader([tmp_path], follow=False)
    found: list[bytes | BadLine] = []
    while len(found) < 2000:
        reader.scan()
        reader.read(most=150, files=1)
        reader.commit()
        found = reader.committed
        reader.read(most=70)
        reader.kill()
    assert sorted(map(str, found)) == sorted(map(str, [*text.splitlines(), *(b"x" + text).splitlines()]))
    reader.follower.close()


# What else can be read.


def test_records_of_an_event_log_are_followed_as_it_grows(tmp_path: Path) -> None:
    path = tmp_path / "Security.evtx"
    path.write_bytes(evtx(["a", "b"]))
    reader = Reader([tmp_path])
    assert reader.drain() == [b'{"Event":"a"}', b'{"Event":"b"}']
    path.write_bytes(evtx(["a", "b", "c"], ["d"]))
    assert reader.drain() == [b'{"Event":"c"}', b'{"Event":"d"}']
    (stored,) = reader.stored.values()
    reader.kill()
    path.write_bytes(evtx(["a", "b", "c"], ["d", "e"]))
    assert reader.drain() == [b'{"Event":"e"}']
    assert read_back(stored, 4096 + 2, 13) == b'{"Event":"c"}'
    reader.follower.close()


@pytest.mark.parametrize("follow", [True, False])
def test_standard_input_is_read_to_its_end_without_loss(follow: bool) -> None:
    text = b"".join(b"line %d\n" % number for number in range(200_000)) + b"unterminated"
    lines = through_a_pipe(text, follow=follow)
    assert lines == text.split(b"\n")


def test_standard_input_may_be_packed() -> None:
    assert through_a_pipe(gzip.compress(b"one\ntwo\n"), follow=False) == [b"one", b"two"]


def through_a_pipe(data: bytes, *, follow: bool) -> list[bytes | BadLine]:
    outlet, inlet = os.pipe()

    def write() -> None:
        with open(inlet, "wb") as pipe:
            pipe.write(data)

    thread = threading.Thread(target=write)
    thread.start()
    reader = Reader(["-"], follow=follow, stdin=outlet)
    deadline = time.monotonic() + 10
    while "finished" not in kinds(reader) and time.monotonic() < deadline:
        reader.scan()
        while reader.follower.pending():
            reader.read()
        reader.commit()
    thread.join()
    reader.follower.close()
    time.sleep(0.01)
    os.close(outlet)
    assert all(checkpoint.finished for checkpoint in reader.stored.values())
    return reader.committed


def test_a_slow_reader_slows_the_writer_of_a_pipe_down() -> None:
    outlet, inlet = os.pipe()
    os.set_blocking(inlet, False)
    reader = Reader(["-"], stdin=outlet)
    written, stalls = 0, 0
    while stalls < 10:
        try:
            written += os.write(inlet, b"0123456\n" * 8192)
            stalls = 0
        except BlockingIOError:
            stalls += 1
            time.sleep(0.02)
    assert 4 << 20 <= written < 8 << 20
    os.close(inlet)
    count = 0
    while "finished" not in kinds(reader):
        reader.scan()
        while reader.follower.pending():
            count += reader.read()
    assert count == written // 8
    reader.follower.close()
    os.close(outlet)


# Names, links and what is skipped.


def test_links_are_followed_and_loops_are_not(tmp_path: Path) -> None:
    (tmp_path / "spool").mkdir()
    (tmp_path / "spool" / "conn.log").write_bytes(b"one\n")
    (tmp_path / "spool" / "loop").symlink_to(tmp_path)
    (tmp_path / "spool" / "nowhere").symlink_to(tmp_path / "missing")
    (tmp_path / "current").symlink_to(tmp_path / "spool")
    os.link(tmp_path / "spool" / "conn.log", tmp_path / "hard.log")
    reader = Reader([tmp_path])
    assert reader.drain() == [b"one"]
    append(tmp_path / "hard.log", b"two\n")
    assert reader.drain() == [b"two"]
    assert any("the same file as" in reason for reason in reasons(reader).values())
    reader.follower.close()


def test_a_link_that_is_turned_to_the_next_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one\n")
    (tmp_path / "current.log").symlink_to("a")
    reader = Reader([tmp_path / "current.log"])
    assert reader.drain() == [b"one"]
    append(tmp_path / "a", b"two\n")
    (tmp_path / "b").write_bytes(b"three\n")
    (tmp_path / "current.log").unlink()
    (tmp_path / "current.log").symlink_to("b")
    assert sorted(map(str, reader.drain())) == ["b'three'", "b'two'"]
    reader.follower.close()


@pytest.mark.parametrize(
    "name", ["a b.log", "conn.10:00:00-11:00:00.log", "x[1].log", os.fsdecode(b"\xff\xfe.log"), "ä\n.log"]
)
def test_any_file_name_can_be_read(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"one\n")
    for source in (tmp_path / name, tmp_path, tmp_path / "*"):
        lines, _ = ingested([source])
        assert lines == [b"one"]


def test_hidden_files_pipes_and_unknown_formats_are_not_read(tmp_path: Path) -> None:
    (tmp_path / ".auth.log.swp").write_bytes(b"hidden\n")
    (tmp_path / "picture").write_bytes(b"\x89BINARY\n")
    (tmp_path / "good.log").write_bytes(b"good\n")
    os.mkfifo(tmp_path / "pipe.log")
    lines, reader = ingested([tmp_path])
    assert lines == [b"good"]
    assert reasons(reader) == {"picture": "unknown format"}
    assert reasons(ingested([tmp_path / "pipe.log"])[1]) == {"pipe.log": "not a regular file"}
    assert reasons(ingested([tmp_path / "missing.log"])[1]) == {"missing.log": "No such file or directory"}


def test_a_skipped_file_is_told_once_and_tried_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(b"\x89BINARY\n")
    reader = Reader([tmp_path])
    reader.drain()
    assert kinds(reader) == ["skipped"]
    path.write_bytes(b"text after all\n")
    assert reader.drain() == [b"text after all"]
    reader.follower.close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_told_and_read_when_it_may(log: Path) -> None:
    log.chmod(0)
    reader = Reader([log.parent])
    assert reader.drain() == []
    assert reasons(reader) == {"auth.log": "Permission denied"}
    log.chmod(0o600)
    assert reader.drain() == [b"one", b"two"]
    reader.follower.close()


def test_a_file_that_cannot_be_opened_is_told_and_read_when_it_can(log: Path) -> None:
    kept = log.rename(log.with_name("kept"))
    log.symlink_to(log)
    reader = Reader([log])
    assert reader.drain() == []
    assert "symbolic links" in reasons(reader)["auth.log"]
    log.unlink()
    kept.rename(log)
    assert reader.drain() == [b"one", b"two"]
    reader.follower.close()


def test_a_broken_zip_is_told_and_read_when_it_is_whole(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "whole", "w") as archive:
        archive.writestr("a.log", b"one\n")
    data = (tmp_path / "whole").read_bytes()
    (tmp_path / "logs.zip").write_bytes(data[:50])
    reader = Reader([tmp_path / "logs.zip"])
    assert reader.drain() == []
    assert "cannot be read" in reasons(reader)["logs.zip"]
    (tmp_path / "logs.zip").write_bytes(data)
    assert reader.drain() == [b"one"]
    reader.follower.close()


def test_a_format_can_be_forced_and_must_exist(tmp_path: Path) -> None:
    (tmp_path / "x.log").write_bytes(b"\x89BINARY\n")
    formats: dict[str, LogFormat] = {"plain": PlainFormat(), "other": PlainFormat()}
    for wanted, count in (("other", 1), (None, 0), ("auto", 0), ("", 0)):
        forced = Follower([SourceSpec(str(tmp_path), wanted)], [], formats, follow=False)
        forced.scan()
        assert [file.format for file in forced.files] == [formats["other"]] * count
        forced.close()
    with pytest.raises(ConfigError, match=r"'odd'.*known: other, plain"):
        Follower([SourceSpec(str(tmp_path), "odd")], [], formats, follow=False)


def test_the_decoder_goes_on_with_its_state(log: Path) -> None:
    reader = Reader([log])
    reader.drain()
    append(log, b"three\n")
    reader.kill()
    reader.drain()
    (file,) = reader.follower.files
    assert file.decoder.state() == {"lines": 3}
    assert file.known is not None
    assert file.known.line_number == 2
    reader.follower.close()


def test_a_checkpoint_of_a_format_that_is_gone_is_kept_and_said(log: Path) -> None:
    _, reader = ingested([log])
    append(log, b"three\n")
    (known,) = reader.stored.values()
    other = follower([log], [known], follow=False, formats={"other": PlainFormat()})
    assert [change.reason for change in other.scan()] == ["the format 'plain' is not installed"]
    other.close()


def test_an_error_while_reading_costs_no_line(log: Path) -> None:
    reader = follower([log])
    reader.scan()
    (file,) = reader.pending()
    stream = file.cursor.stream
    stream.close()
    log.rename(log.with_name("elsewhere"))
    assert file.read(10).texts == []
    assert file.problem == "No such file or directory"
    assert not file.has_pending
    log.with_name("elsewhere").rename(log)
    reader.scan()
    assert file.read(10).texts == [b"one", b"two"]
    reader.close()


def test_a_look_at_idle_files_reads_nothing(tmp_path: Path) -> None:
    for number in range(50):
        (tmp_path / f"{number}.log").write_bytes(b"%d\n" % number)
    old = time.time() - 100
    for path in tmp_path.iterdir():
        os.utime(path, (old, old))
    reader = Reader([tmp_path])
    assert len(reader.drain(2)) == 50
    assert reader.scan() == []
    assert reader.follower.pending() == []
    reader.follower.close()


# Small parts.


def test_names_of_rotated_logs_lead_back_to_the_log() -> None:
    for rotated, origin in (
        ("/v/auth.log.1", "/v/auth.log"),
        ("/v/auth.log.12.gz", "/v/auth.log"),
        ("/v/auth.log-20240131", "/v/auth.log"),
        ("/v/auth.log-20240131.xz", "/v/auth.log"),
        ("/v/eve-2024-01-31-10:00.json", "/v/eve.json"),
        ("/v/2024-01-31/conn.10:00:00-11:00:00.log.gz", "/v/current/conn.log"),
        ("/v/old/auth.log", "/v/auth.log"),
    ):
        assert is_rotation_of(rotated, origin), rotated
    for other, origin in (
        ("/v/auth2.log", "/v/auth.log"),
        ("/v/auth.log.bak", "/v/auth.log"),
        ("/v/auth.log", "/v/auth.log"),
    ):
        assert not is_rotation_of(other, origin), other
    assert names_before("/v/auth.log") == ()


def test_a_path_named_twice_belongs_to_the_first_source(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(b"")
    first = SourceSpec(str(tmp_path / "*.log"), "plain")
    found = listed([first, SourceSpec(str(tmp_path))])
    assert [file.spec for file in found.values()] == [first]


def test_an_old_line_is_found_wherever_its_file_went(log: Path) -> None:
    reader = Reader([log])
    reader.drain()
    (stored,) = reader.stored.values()
    assert read_back(stored, 4, 3) == b"two"
    pack(log, log.with_name("auth.log.2.gz"))
    log.write_bytes(b"ONE\nTWO\n")
    assert read_back(stored, 4, 3) == b"two"
    log.with_name("auth.log.2.gz").unlink()
    assert read_back(stored, 4, 3) is None
    reader.follower.close()


def test_nothing_waits_once_everything_is_read(log: Path) -> None:
    reader = follower([log], follow=False)
    assert [change.kind for change in reader.scan()] == [ChangeKind.ADDED]
    assert not reader.is_done
    for file in reader.pending():
        while file.read(1).texts:
            continue
    assert reader.pending() == []
    reader.scan()
    assert reader.is_done
    reader.close()
