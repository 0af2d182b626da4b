"""Lines from the head of a stream that comes in pieces of any size, and the bytes behind them."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from pandora_core.vault.crypto.lines import LineSource
from pandora_core.vault.crypto.stream import fill


class Dribbling:
    """A source that gives at most so many bytes at a time."""

    def __init__(self, data: bytes, step: int) -> None:
        self._data, self._step = io.BytesIO(data), step

    def readinto(self, buffer: memoryview, /) -> int:
        return self._data.readinto(buffer[: self._step])


LINES = st.lists(st.binary(max_size=40).map(lambda octets: octets.replace(b"\n", b".")), max_size=8)


@given(LINES, st.binary(max_size=200), st.integers(1, 60))
def test_lines_and_what_is_behind_them_come_out_as_they_went_in(lines, rest, step):
    source = LineSource(Dribbling(b"".join(line + b"\n" for line in lines) + rest, step))
    assert [source.next_line(100) for _ in lines] == lines
    assert source.has_more() is bool(rest)
    behind = bytearray(len(rest) + 1)
    assert fill(source, memoryview(behind)) == len(rest)
    assert behind[: len(rest)] == rest


@given(st.binary(min_size=1, max_size=9000), st.integers(1, 9000), st.integers(1, 5000))
def test_no_line_is_longer_than_its_limit(data, limit, step):
    source, whole = LineSource(Dribbling(data, step)), b""
    while (line := source.next_line(limit)) is not None:
        assert len(line) <= limit
        whole += line
    assert whole == data.replace(b"\n", b"")


def test_a_last_line_needs_no_line_feed_and_behind_it_is_nothing():
    source = LineSource(io.BytesIO(b"one\n\nlast"))
    assert [source.next_line(10) for _ in range(4)] == [b"one", b"", b"last", None]


def test_the_first_bytes_are_looked_at_without_taking_them():
    source = LineSource(Dribbling(b" \r\n mark and more\n", 2))
    assert source.begins_with(b"mark")
    assert not source.begins_with(b"more")
    assert source.next_line(10) == b" \r"


def test_the_rest_ends_one_byte_behind_its_limit():
    assert LineSource(io.BytesIO(b"x" * 10)).rest(10) == b"x" * 10
    assert LineSource(io.BytesIO(b"x" * 20)).rest(10) == b"x" * 11


def test_what_was_read_ahead_is_gone_after_wiping():
    source = LineSource(io.BytesIO(b"line\nsecret"))
    source.next_line(10)
    memory = memoryview(source._block._cell.memory)
    assert b"secret" in bytes(memory)
    source.wipe()
    assert bytes(memory) == bytes(len(memory))
