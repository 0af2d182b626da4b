"""The cutting of a stream into records: the same whatever the chunks, exact in position, bounded in memory."""

from __future__ import annotations

import re
import tempfile
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pandora_core.ingest.cursor import LineCursor
from pandora_core.ingest.format import MAX_LINE_BYTES
from pandora_core.ingest.stream import Descriptors, FileStream
from pandora_core.model import BadLine

MAX = 60


def cursor_of(
    path: Path, delimiter: bytes = b"\n", *, most: int = MAX, chunk_bytes: int = 16, offset: int = 0
) -> LineCursor:
    stream = FileStream(str(path), Descriptors())
    head = stream.peek(1024).rstrip(b"\0")
    first = max(0, offset - 256)
    stream.seek(first)
    before = stream.read(offset - first) if offset else b""
    cursor = LineCursor(stream, delimiter, head, before, 0, most)
    cursor.chunk_bytes = chunk_bytes
    return cursor


def records(cursor: LineCursor, take: int = 3) -> list[tuple[bytes | None, int, int]]:
    """(text or None, position, length) of all that comes."""
    found = []
    while (lines := cursor.take(take)).texts:
        assert len(lines.texts) == len(lines.positions) == len(lines.lengths) <= take
        texts = [text if isinstance(text, bytes) else None for text in lines.texts]
        found += list(zip(texts, lines.positions, lines.lengths, strict=True))
    return found


def expected(content: bytes, delimiter: bytes) -> list[tuple[bytes | None, int, int]]:
    """The same, said slowly: line after line, part after part."""
    found: list[tuple[bytes | None, int, int]] = []
    position = 0
    *lines, rest = content.split(delimiter)
    for place, line in enumerate([*lines, rest]):
        is_last = place == len(lines)
        kept = b"" if delimiter == b"\n" or is_last else delimiter
        text = line.removesuffix(b"\r") if delimiter == b"\n" or is_last else line
        parts = [part for part in re.split(rb"(\0{8,})", text + kept) if part] or [b""]
        at = position
        for number, part in enumerate(parts):
            length = len(part)
            if number == len(parts) - 1 and not part.startswith(bytes(8)):
                length += len(line) - len(text)
            if part.startswith(bytes(8)):
                found.append((None, at, len(part)))
            else:
                found.append((part if length - len(kept) * (number == len(parts) - 1) <= MAX else None, at, length))
            at += len(part)
        position += len(line) + len(delimiter)
    last = found.pop()
    return found if last[0] is not None and not last[0].strip() else [*found, last]


PIECES = st.one_of(
    st.sampled_from([b"\n", b"\n", b"\r\n", b"\r", b" ", b"</E>", b"<", b"/E>"]),
    st.binary(min_size=1, max_size=8).map(lambda data: data.replace(b"\0", b"0").replace(b"\n", b"n")),
    st.integers(1, 30).map(lambda size: b"\0" * size),
    st.integers(20, 130).map(lambda size: b"x" * size),
)
CONTENTS = st.lists(PIECES, max_size=14).map(b"".join).filter(lambda content: not content.startswith(b"\xef\xbb\xbf"))


@settings(max_examples=300, deadline=None, database=None)
@given(CONTENTS, st.sampled_from([b"\n", b"\n", b"</E>"]), st.integers(1, 40), st.integers(1, 5))
def test_records_do_not_depend_on_chunks(content: bytes, delimiter: bytes, chunk_bytes: int, take: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.log"
        path.write_bytes(content)
        whole = cursor_of(path, delimiter, chunk_bytes=1 << 16)
        parts = cursor_of(path, delimiter, chunk_bytes=chunk_bytes)
        for cursor in (whole, parts):
            cursor.finish()
        found = records(whole, 1000)
        assert records(parts, take) == found
        assert whole.offset == parts.offset == len(content)
        assert whole.tail() == parts.tail() == content[-256:]
        assert parts.line_number == len(found)
        for cursor in (whole, parts):
            assert cursor.is_done
            cursor.stream.close()
        if delimiter == b"\n":
            assert found == expected(content, delimiter)


@settings(max_examples=300, deadline=None, database=None)
@given(CONTENTS, st.integers(1, 40), st.integers(0, 200), st.integers(1, 7))
def test_going_on_from_any_record_gives_the_rest(content: bytes, chunk_bytes: int, cut: int, take: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.log"
        path.write_bytes(content + b"\n")
        first = cursor_of(path, chunk_bytes=chunk_bytes)
        first.finish()
        taken: list[tuple[bytes | None, int, int]] = []
        while len(taken) < cut and (lines := first.take(min(take, cut - len(taken)))).texts:
            texts = [text if isinstance(text, bytes) else None for text in lines.texts]
            taken += list(zip(texts, lines.positions, lines.lengths, strict=True))
            assert first.tail() == (content + b"\n")[: first.offset][-256:]
        second = cursor_of(path, chunk_bytes=7, offset=first.offset)
        second.finish()
        whole = cursor_of(path, chunk_bytes=1 << 16)
        whole.finish()
        assert taken + records(second) == records(whole)
        for cursor in (first, second, whole):
            cursor.stream.close()


@settings(max_examples=300, deadline=None, database=None)
@given(st.lists(CONTENTS, min_size=1, max_size=5), st.integers(1, 40))
def test_a_growing_file_gives_the_same_records_as_a_whole_one(parts: list[bytes], chunk_bytes: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.log"
        path.write_bytes(b"")
        growing = cursor_of(path, chunk_bytes=chunk_bytes)
        found = []
        for part in parts:
            with path.open("ab") as file:
                file.write(part)
            growing.at_end = False
            found += records(growing)
            assert growing.at_end
        growing.finish()
        found += records(growing)
        whole = cursor_of(path, chunk_bytes=1 << 16)
        whole.finish()
        assert found == records(whole)
        assert path.read_bytes().startswith(growing.head)
        growing.stream.close()
        whole.stream.close()


def test_a_line_of_a_gigabyte_takes_no_memory_and_the_next_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    with path.open("wb") as file:
        file.write(b"first\n")
        for _ in range(64):
            file.write(b"x" * (1 << 20))
        file.write(b"\nlast\n")
    cursor = cursor_of(path, most=MAX_LINE_BYTES, chunk_bytes=256 * 1024)
    cursor.finish()
    tracemalloc.start()
    found: list[bytes | BadLine] = []
    calls = 0
    while not cursor.is_done:
        found += cursor.take(1000).texts
        calls += 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    cursor.stream.close()
    assert found == [
        b"first",
        BadLine(f"a line of {64 << 20} bytes is longer than the {MAX_LINE_BYTES} that are read"),
        b"last",
    ]
    assert calls > 5, "a long stretch without a line must not hold the reader up"
    assert peak < 8 << 20


def test_nul_bytes_at_the_end_are_waited_for_and_may_be_filled_in(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(b"one\n" + bytes(100))
    cursor = cursor_of(path)
    assert records(cursor) == [(b"one", 0, 3)]
    with path.open("r+b") as file:
        file.seek(4)
        file.write(b"two\nthree\n")
    cursor.at_end = False
    assert records(cursor) == [(b"two", 4, 3), (b"three", 8, 5)]
    cursor.finish()
    assert records(cursor) == [(None, 14, 90)]
    cursor.stream.close()


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(b"\xef\xbb\xbf{}\r\n\xef\xbb\xbf{}\n")
    cursor = cursor_of(path)
    assert records(cursor) == [(b"{}", 0, 6), (b"\xef\xbb\xbf{}", 7, 5)]
    cursor.stream.close()


def test_a_delimiter_that_is_no_newline_stays_with_its_record(tmp_path: Path) -> None:
    path = tmp_path / "x.xml"
    path.write_bytes(b"<Es>\r\n<E>1</E>\r\n<E>2</E></Es>\r\n")
    cursor = cursor_of(path, b"</E>", chunk_bytes=3)
    assert [text for text, _, _ in records(cursor)] == [b"<Es>\r\n<E>1</E>", b"\r\n<E>2</E>"]
    cursor.finish()
    assert [text for text, _, _ in records(cursor)] == [b"</Es>\r\n"]
    cursor.stream.close()


@pytest.mark.parametrize(("more", "records_then"), [(b"\nnext\n", [b"next"]), (b"-rest\nnext\n", [None, b"next"])])
def test_what_follows_a_line_that_was_taken_unfinished_is_no_new_line(
    tmp_path: Path, more: bytes, records_then: list[bytes | None]
) -> None:
    path = tmp_path / "x.log"
    path.write_bytes(b"one\ntwo")
    cursor = cursor_of(path)
    cursor.finish()
    assert [text for text, _, _ in records(cursor)] == [b"one", b"two"]
    with path.open("ab") as file:
        file.write(more)
    again = cursor_of(path, offset=cursor.offset)
    assert [text for text, _, _ in records(again)] == records_then
    cursor.stream.close()
    again.stream.close()
