"""What a log is wrapped in: every wrapping gives the same bytes, and a damaged one all that can be read of it."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import struct
import subprocess
import sys
import time
import tracemalloc
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pandora_core.errors import SourceError
from pandora_core.ingest import evtx_log
from pandora_core.ingest.container import is_evtx, members, open_stream
from pandora_core.ingest.evtx_log import EvtxCursor
from pandora_core.ingest.evtx_worker import EvtxWorker
from pandora_core.ingest.stream import ContentChanged, Descriptors, Stream
from pandora_core.model import BadLine
from tests.unit.evtx_maker import CHUNK_BYTES, evtx

TEXT = b"".join(b"line %d of a log that is long enough to be packed\n" % number for number in range(5000))

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "plain": lambda data: data,
    "gz": gzip.compress,
    "gz in members": lambda data: gzip.compress(data[:1000]) + gzip.compress(data[1000:]),
    "gz padded with zeros": lambda data: gzip.compress(data) + bytes(700),
    "bz2": bz2.compress,
    "bz2 in members": lambda data: bz2.compress(data[:1000]) + bz2.compress(data[1000:]),
    "xz": lzma.compress,
    "gz in gz": lambda data: gzip.compress(gzip.compress(data)),
}


@pytest.fixture
def worker() -> Iterator[EvtxWorker]:
    worker = EvtxWorker()
    yield worker
    worker.close()


def read_all(stream: Stream, size: int = 4096) -> bytes:
    return b"".join(iter(lambda: stream.read(size), b""))


@pytest.mark.parametrize("packing", PACKERS)
@pytest.mark.parametrize("size", [7, 4096, 1 << 20])
def test_every_wrapping_gives_the_same_bytes(tmp_path: Path, packing: str, size: int) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(PACKERS[packing](TEXT))
    stream = open_stream(str(path))
    assert read_all(stream, size) == TEXT
    assert stream.tell() == len(TEXT)
    assert stream.damage() == ""
    assert stream.is_complete() == (packing != "plain")
    stream.close()


@pytest.mark.parametrize("packing", PACKERS)
def test_seeking_forward_and_back_gives_the_bytes_there(tmp_path: Path, packing: str) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(PACKERS[packing](TEXT))
    stream = open_stream(str(path))
    for offset in (100_000, 0, 17, len(TEXT)):
        stream.seek(offset)
        assert stream.peek(50) == TEXT[offset : offset + 50]
        assert stream.read(50) == TEXT[offset : offset + 50]
    with pytest.raises(ContentChanged):
        stream.seek(len(TEXT) + 1)
    stream.close()


@pytest.mark.parametrize("mode", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_read_as_utf_8(tmp_path: Path, mode: str) -> None:
    text = "Zeile 1 äöü €\r\nZeile 2 \U0001f512\r\n"
    path = tmp_path / "x.txt"
    path.write_bytes("\ufeff".encode(mode) + text.encode(mode))
    stream = open_stream(str(path))
    assert read_all(stream, 5) == text.encode()
    for offset in (9, 30, 8):
        stream.seek(offset)
        assert read_all(stream) == text.encode()[offset:]
    stream.close()


def test_utf_16_text_goes_on_where_it_grew_in_the_middle_of_a_character(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    raw = "\ufeffab\U0001f512c".encode("utf-16-le")
    path.write_bytes(raw[:9])
    stream = open_stream(str(path))
    assert read_all(stream) == b"ab"
    path.write_bytes(raw)
    assert read_all(stream) == "\U0001f512c".encode()
    stream.close()


def test_a_gz_that_is_still_being_written_goes_on_where_it_ended(tmp_path: Path) -> None:
    path = tmp_path / "x.log.gz"
    packed = gzip.compress(TEXT)
    path.write_bytes(packed[:4000])
    stream = open_stream(str(path))
    first = read_all(stream)
    assert first
    assert TEXT.startswith(first)
    assert not stream.is_complete()
    with path.open("ab") as file:
        file.write(packed[4000:])
    assert first + read_all(stream) == TEXT
    assert stream.is_complete()
    stream.close()


def test_a_truncated_gz_gives_what_can_be_read_and_says_where_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "x.log.gz"
    path.write_bytes(gzip.compress(TEXT)[:-300])
    stream = open_stream(str(path))
    content = read_all(stream)
    assert len(content) > len(TEXT) // 2
    assert TEXT.startswith(content)
    assert "ends early" in stream.damage()
    assert f"byte {path.stat().st_size}" in stream.damage()
    stream.close()


def test_a_damaged_gz_gives_the_bytes_before_the_damage(tmp_path: Path) -> None:
    noise = bytearray(gzip.compress(os.urandom(100_000) + TEXT, 1))
    noise[len(noise) // 2] ^= 0xFF
    noise[len(noise) // 2 + 1 : len(noise) // 2 + 400] = b"\xff" * 399
    path = tmp_path / "x.log.gz"
    path.write_bytes(noise)
    stream = open_stream(str(path))
    assert len(read_all(stream)) > 40_000
    assert "gz: the data is damaged" in stream.damage()
    stream.close()


def test_a_wrong_checksum_is_damage_and_costs_no_byte(tmp_path: Path) -> None:
    packed = bytearray(gzip.compress(TEXT))
    packed[-8] ^= 1
    (tmp_path / "x.gz").write_bytes(packed)
    stream = open_stream(str(tmp_path / "x.gz"))
    assert read_all(stream, 1 << 20) == TEXT
    assert "damaged" in stream.damage()
    stream.close()


def test_something_else_behind_a_gz_is_damage(tmp_path: Path) -> None:
    (tmp_path / "x.gz").write_bytes(gzip.compress(TEXT) + b"this is no gz member")
    stream = open_stream(str(tmp_path / "x.gz"))
    assert read_all(stream) == TEXT
    assert "something else" in stream.damage()
    stream.close()


def test_a_bomb_is_read_in_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "bomb.gz"
    path.write_bytes(gzip.compress(gzip.compress(bytes(200 << 20))))
    stream = open_stream(str(path))
    tracemalloc.start()
    total = 0
    while total < 100 << 20:
        total += len(stream.read(256 * 1024))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    stream.close()
    assert path.stat().st_size < 10_000
    assert peak < 4 << 20


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_members_of_a_zip_are_read_in_place(tmp_path: Path, method: int) -> None:
    path = tmp_path / "logs.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("folder/", b"")
        archive.writestr("folder/a.log", TEXT)
        archive.writestr("../b.json.gz", gzip.compress(b"inside\n"))
        archive.writestr("empty.log", b"")
    assert members(str(path)) == ["folder/a.log", "../b.json.gz"]
    for member, content in (("folder/a.log", TEXT), ("../b.json.gz", b"inside\n")):
        stream = open_stream(str(path), member)
        assert read_all(stream) == content
        stream.seek(3)
        assert stream.read(4) == content[3:7]
        assert stream.is_wrapped
        stream.close()


def test_a_damaged_member_of_a_zip_is_told_by_its_checksum(tmp_path: Path) -> None:
    path = tmp_path / "logs.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=0) as archive:
        archive.writestr("a.log", TEXT[:5000])
    path.write_bytes(path.read_bytes().replace(b"line 50 of", b"line 99 of"))
    stream = open_stream(str(path), "a.log")
    assert b"line 99 of" in read_all(stream)
    assert "checksum" in stream.damage()
    stream.close()


def test_what_is_no_zip_has_no_members_and_a_broken_zip_says_so(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(TEXT)
    assert members(str(tmp_path / "a.log")) == [""]
    (tmp_path / "b.zip").write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(SourceError, match="cannot be read"):
        members(str(tmp_path / "b.zip"))


def test_an_encrypted_or_missing_member_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "logs.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.log", TEXT)
    data = bytearray(path.read_bytes())
    central = data.index(b"PK\x01\x02")
    data[central + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(SourceError, match=r"'a\.log' is encrypted"):
        open_stream(str(path), "a.log")
    with pytest.raises(SourceError, match=r"no 'b\.log'"):
        open_stream(str(path), "b.log")


def test_a_pipe_in_the_place_of_a_log_is_refused_and_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.log")
    with pytest.raises(SourceError, match="not a regular file"):
        open_stream(str(tmp_path / "x.log"))


def test_an_overwritten_file_is_noticed_by_the_next_read(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(TEXT)
    stream = open_stream(str(path))
    stream.read(1000)
    path.write_bytes(b"another log\n" * 1000)
    with pytest.raises(ContentChanged):
        stream.read(1000)
    stream.close()


def test_no_more_files_are_open_than_allowed_and_all_can_be_read(tmp_path: Path) -> None:
    descriptors = Descriptors(3)
    streams = []
    for number in range(20):
        (tmp_path / f"{number}.log").write_bytes(TEXT)
        streams.append(open_stream(str(tmp_path / f"{number}.log"), "", descriptors))
    before = len(os.listdir("/proc/self/fd")) if sys.platform == "linux" else 0
    for _ in range(3):
        assert {stream.read(100) for stream in streams} != {b""}
    assert sum(stream.descriptor() >= 0 for stream in streams) == 3
    if sys.platform == "linux":
        assert len(os.listdir("/proc/self/fd")) <= before
    (tmp_path / "new").write_bytes(TEXT + b"another file of that name\n")
    (tmp_path / "new").rename(tmp_path / "0.log")
    with pytest.raises(ContentChanged, match="taken the name"):
        streams[0].read(100)
    for stream in streams:
        stream.close()


def event_lines(path: Path, worker: EvtxWorker, offset: int = 0) -> tuple[list[bytes | BadLine], EvtxCursor]:
    cursor = EvtxCursor(open_stream(str(path)), worker, offset)
    cursor.finish()
    lines = cursor.take(10_000)
    assert cursor.take(1).texts == []
    cursor.stream.close()
    return lines.texts, cursor


@pytest.mark.parametrize("packing", ["plain", "gz", "xz", "gz in gz"])
def test_records_of_an_event_log_become_lines_of_json(tmp_path: Path, packing: str, worker: EvtxWorker) -> None:
    path = tmp_path / "Security.evtx"
    path.write_bytes(PACKERS[packing](evtx(["one", "two äö"], ["three"])))
    lines, cursor = event_lines(path, worker)
    assert lines == [b'{"Event":"one"}', '{"Event":"two äö"}'.encode(), b'{"Event":"three"}']
    assert cursor.is_done
    stream = open_stream(str(path))
    assert is_evtx(stream)
    assert evtx_log.end_of(stream) == cursor.offset
    assert evtx_log.tail_at(stream, cursor.offset) == cursor.tail()
    stream.close()


def test_every_position_of_an_event_log_can_be_gone_on_from(tmp_path: Path, worker: EvtxWorker) -> None:
    path = tmp_path / "Security.evtx"
    path.write_bytes(evtx(["a", "b", "c"], ["d"], ["e", "f"]))
    cursor = EvtxCursor(open_stream(str(path)), worker)
    lines = cursor.take(100)
    cursor.stream.close()
    assert lines.positions == sorted(set(lines.positions))
    for place, position in enumerate(lines.positions):
        assert event_lines(path, worker, position)[0] == lines.texts[place:]


def test_an_event_log_that_grew_gives_the_new_records_only(tmp_path: Path, worker: EvtxWorker) -> None:
    path = tmp_path / "Security.evtx"
    path.write_bytes(evtx(["a", "b"]))
    cursor = EvtxCursor(open_stream(str(path)), worker)
    assert len(cursor.take(100).texts) == 2
    for grown in (evtx(["a", "b", "c"]), evtx(["a", "b", "c"], ["d"])):
        path.write_bytes(grown)
        assert len(cursor.take(100).texts) == 1
    path.write_bytes(evtx(["x", "y", "z"]))
    with pytest.raises(ContentChanged):
        cursor.take(100)
    cursor.stream.close()


def test_unused_chunks_are_passed_over_and_garbage_is_one_bad_line(tmp_path: Path, worker: EvtxWorker) -> None:
    path = tmp_path / "Security.evtx"
    log = evtx(["a"], ["b"], ["c"])
    first, second = 4096 + CHUNK_BYTES, 4096 + 2 * CHUNK_BYTES
    path.write_bytes(log[:first] + bytes(CHUNK_BYTES) + b"garbage!".ljust(CHUNK_BYTES, b"!") + log[second:])
    lines, cursor = event_lines(path, worker)
    assert [line if isinstance(line, bytes) else "bad" for line in lines] == [
        b'{"Event":"a"}',
        "bad",
        b'{"Event":"c"}',
    ]
    assert event_lines(path, worker, cursor.offset)[0] == []


def test_a_record_that_cannot_be_parsed_is_a_bad_line_among_the_good_ones(tmp_path: Path, worker: EvtxWorker) -> None:
    log = bytearray(evtx(["a", "bb", "c"]))
    at = log.index("bb".encode("utf-16-le"))
    log[at - 3] = 0x77
    (tmp_path / "x.evtx").write_bytes(log)
    lines, _ = event_lines(tmp_path / "x.evtx", worker)
    assert [isinstance(line, BadLine) for line in lines] == [False, True, False]


def test_a_cut_off_event_log_gives_the_records_that_are_whole(tmp_path: Path, worker: EvtxWorker) -> None:
    log = evtx(["a" * 100, "b" * 100, "c" * 100])
    path = tmp_path / "x.evtx"
    path.write_bytes(log[: log.index(("c" * 100).encode("utf-16-le"))])
    waiting = EvtxCursor(open_stream(str(path)), worker)
    assert waiting.take(10).texts == []
    waiting.stream.close()
    lines, _ = event_lines(path, worker)
    assert [isinstance(line, bytes) for line in lines[:2]] == [True, True]


def test_a_chunk_on_which_the_parser_hangs_is_given_up_and_the_rest_is_read(tmp_path: Path) -> None:
    log = bytearray(evtx(["a"], ["b"]))
    one, other = 4096 + 1024, 4096 + 2048
    for here, there in ((one, 2048), (other, 1024)):  # two names, each of which says that the other is the next
        log[here : here + 8] = struct.pack("<IHH", there, 1, 0)
    log[4096 + 128 : 4096 + 132] = struct.pack("<I", 1024)
    (tmp_path / "x.evtx").write_bytes(log)
    worker = EvtxWorker(timeout_s=0.5)
    lines, _ = event_lines(tmp_path / "x.evtx", worker)
    worker.close()
    assert isinstance(lines[0], BadLine)
    assert "gave up" in lines[0].reason
    assert lines[1] == b'{"Event":"b"}'


def test_the_child_ends_with_its_parent(tmp_path: Path) -> None:
    script = (
        "from pandora_core.ingest.evtx_worker import EvtxWorker; import os; worker = EvtxWorker();"
        "worker.decode(bytes(70000)); print(worker._child.pid, flush=True); os._exit(9)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    child = int(done.stdout)
    for _ in range(200):
        if not _is_running(child):
            return
        time.sleep(0.02)
    pytest.fail("the child outlived its parent")


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process}/stat")
    return not (status.exists() and ") Z" in status.read_text())
