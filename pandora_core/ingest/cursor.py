"""Owns the cutting of a stream into records: exact positions, numbers and bounds, at the speed of ``bytes.split``."""

from __future__ import annotations

import re
from itertools import accumulate
from typing import NamedTuple, Protocol, cast

from pandora_core.errors import SourceError
from pandora_core.ingest.format import MAX_LINE_BYTES
from pandora_core.ingest.stream import BEFORE_BYTES, ContentChanged, FileStream, Stream
from pandora_core.model import BadLine

HEAD_HASH_BYTES = 1024
"""How many first bytes of a content identify it."""

CHUNK_BYTES = 256 * 1024

_BARREN_BYTES = 8 << 20
_HOLE = re.compile(rb"(\0{8,})")
_HOLE_START = bytes(8)
_UTF8_BOM = b"\xef\xbb\xbf"


class Lines(NamedTuple):
    """Consecutive records of one file; the lists are aligned.

    A text is a line without its end (``\\n`` or ``\\r\\n``; any other delimiter of a format stays), or why there is
    none. ``positions`` and ``lengths`` are in bytes of the plain content. Records are numbered from 1, which for
    lines is the line number; a hole of NUL bytes counts as one.
    """

    texts: list[bytes | BadLine]
    positions: list[int]
    lengths: list[int]
    first_number: int


class Cursor(Protocol):
    """Reads the records of one content in order."""

    stream: Stream
    chunk_bytes: int
    head: bytes
    """The first :data:`HEAD_HASH_BYTES` of what identifies the content, as far as they were read."""
    line_number: int
    """How many records were taken."""
    at_end: bool
    """Whether the last look found nothing more."""

    @property
    def is_done(self) -> bool:
        """Whether the content was finished and everything of it taken."""
        ...

    @property
    def offset(self) -> int:
        """Position of the next record."""
        ...

    def take(self, most: int) -> Lines:
        """The next records: ``most`` of them where there are so many, else all that are complete."""
        ...

    def finish(self) -> None:
        """From now on the end of the stream is the end of the content: a last line needs no newline."""
        ...

    def tail(self) -> bytes:
        """What proves that the content before :attr:`offset` is unchanged."""
        ...

    def seen(self) -> tuple[int, bytes]:
        """How far the content was read, whether or not it was taken; and what proves it."""
        ...

    def forget_rest(self) -> None:
        """Drop the unfinished record at the end of what was read."""
        ...

    def release(self) -> None:
        """Let go of what is in memory: everything was taken."""
        ...

    def buffered_bytes(self) -> int:
        """Bytes that were read from the stream and not taken yet."""
        ...


class LineCursor:
    """Cuts a text stream at a delimiter. The stream must stand at the position to go on from.

    ``is_inside`` says that a line was taken before its newline was written: what still comes of it is one bad line.
    """

    def __init__(
        self,
        stream: Stream,
        delimiter: bytes,
        head: bytes,
        before: bytes = b"",
        number: int = 0,
        max_bytes: int = MAX_LINE_BYTES,
    ) -> None:
        self.stream = stream
        self.chunk_bytes = CHUNK_BYTES
        self.head = head[:HEAD_HASH_BYTES]
        self.line_number = number
        self.at_end = False
        self._delimiter = delimiter
        self._is_final = False
        self._has_ended = False
        self._max_bytes = max_bytes
        self._seam_bytes = max(len(delimiter), len(_HOLE_START)) - 1
        self._is_inside = delimiter == b"\n" and bool(before) and not before.endswith((b"\n", b"\0"))
        self._is_after_hole = before.endswith(_HOLE_START)
        self._start = self._stop = stream.tell()
        self._before = before
        self._block = b""
        self._texts: list[bytes | BadLine] = []
        self._positions: list[int] = []
        self._lengths: list[int] = []
        self._next = 0
        self._rest = b""
        self._gap: _Gap | None = None

    @property
    def is_done(self) -> bool:
        return self._has_ended and self._next == len(self._texts)

    @property
    def offset(self) -> int:
        return self._positions[self._next] if self._next < len(self._positions) else self._stop

    def take(self, most: int) -> Lines:
        first, number = self._next, self.line_number + 1
        if len(self._texts) - first >= most:
            self._next += most
            self.line_number += most
            until = self._next
            return Lines(self._texts[first:until], self._positions[first:until], self._lengths[first:until], number)
        return self._gathered(most, Lines([], [], [], number))

    def finish(self) -> None:
        self._is_final = True
        self.at_end = False

    def tail(self) -> bytes:
        taken = self.offset - self._start
        if taken >= BEFORE_BYTES:
            return self._block[taken - BEFORE_BYTES : taken]
        return (self._before + self._block[:taken])[-BEFORE_BYTES:]

    def buffered_bytes(self) -> int:
        return self.stream.tell() - self.offset

    def seen(self) -> tuple[int, bytes]:
        if self._gap is not None:
            return self.offset, self.tail()
        return self._stop + len(self._rest), (self._before + self._block)[-BEFORE_BYTES:]

    def forget_rest(self) -> None:
        self._rest, self._gap = b"", None

    def release(self) -> None:
        self._clear(self._stop, self.tail())

    def _gathered(self, most: int, lines: Lines) -> Lines:
        """Records from as many chunks as it takes; a long stretch without any is left for the next call."""
        barren_bytes = 0
        while len(lines.texts) < most and barren_bytes < _BARREN_BYTES:
            if self._next == len(self._texts):
                barren_bytes += self.chunk_bytes
                if not self._is_loaded(bool(lines.texts)):
                    break
            until = min(len(self._texts), self._next + most - len(lines.texts))
            if until > self._next:
                barren_bytes = 0
            lines.texts.extend(self._texts[self._next : until])
            lines.positions.extend(self._positions[self._next : until])
            lines.lengths.extend(self._lengths[self._next : until])
            self.line_number += until - self._next
            self._next = until
        return lines

    def _is_loaded(self, has_lines: bool) -> bool:
        """:meth:`_load`, which must not lose lines that were gathered: its error waits for the next call."""
        try:
            return self._load()
        except (OSError, SourceError):
            if has_lines:
                return False
            raise

    def _load(self) -> bool:
        """Take the next chunk apart; False when there is nothing to take apart."""
        if self._has_ended:
            self.at_end = True
            return False
        data = self.stream.read(self.chunk_bytes)
        self._check_head(data)
        if not data and self._delimiter not in self._rest:
            return self._load_end()
        self.at_end = False
        if self._gap is not None:
            self._cross_gap(self._gap, data)
        else:
            self._split(self._rest + data)
        return True

    def _split(self, block: bytes) -> None:
        self._begin(self._stop, block)
        texts = block.split(self._delimiter)
        self._rest = texts.pop()
        self._fill(texts, len(self._delimiter))
        if len(block) > self._max_bytes:
            self._cut_long()
        self._end_line_taken_before()
        if len(self._rest) > self._max_bytes:
            self._shorten_rest()

    def _fill(self, texts: list[bytes], step: int) -> None:
        """Make ``texts``, each followed by a delimiter of ``step`` bytes, the records of the present block."""
        lengths = list(map(len, texts))
        positions = list(accumulate(map(step.__add__, lengths), initial=self._start))
        self._stop = positions.pop()
        if step > 1:
            texts, lengths = [text + self._delimiter for text in texts], [length + step for length in lengths]
        elif b"\r" in self._block:
            texts = [text[:-1] if text[-1:] == b"\r" else text for text in texts]
        if self._start == 0 and texts and texts[0].startswith(_UTF8_BOM):
            texts[0] = texts[0][len(_UTF8_BOM) :]
        self._texts, self._positions, self._lengths = cast("list[bytes | BadLine]", texts), positions, lengths
        if _HOLE_START in self._block:
            self._cut_holes()

    def _cut_holes(self) -> None:
        """After a crash a log may hold runs of NUL bytes: each is one bad line, what stands around it are lines."""
        records = list(zip(self._texts, self._positions, self._lengths, strict=True))
        self._texts, self._positions, self._lengths = [], [], []
        for text, position, length in records:
            if isinstance(text, BadLine) or _HOLE_START not in text:
                self._append(text, position, length)
                continue
            for part in filter(None, _HOLE.split(text)):
                self._append(_hole(len(part)) if part.startswith(_HOLE_START) else part, position, len(part))
                position += len(part)
            if not text.endswith(_HOLE_START):
                self._lengths[-1] += length - len(text)  # the \r that a text has no more

    def _cut_long(self) -> None:
        for place, length in enumerate(self._lengths):
            if length > self._max_bytes and not isinstance(self._texts[place], BadLine):
                self._texts[place] = self._too_long(length)

    def _shorten_rest(self) -> None:
        """The unfinished line is too long to keep: whole parts of it are taken, of the last only the length stays."""
        *parts, last = _HOLE.split(self._rest)
        if not last:  # the hole at its end may go on
            last = parts.pop()
        for part in parts:
            if part:
                too_long = self._too_long(len(part)) if len(part) > self._max_bytes else part
                self._append(_hole(len(part)) if part.startswith(_HOLE_START) else too_long, self._stop, len(part))
            self._stop += len(part)
        self._end_line_taken_before()
        self._rest = last
        self._is_after_hole = bool(parts)
        if last.startswith(_HOLE_START) or len(last.rstrip(b"\0")) > self._max_bytes:
            before = (self._before + self._block[: self._stop - self._start])[-BEFORE_BYTES:]
            gap = _Gap(0, last.startswith(_HOLE_START), b"", before)
            self._gap = gap.longer(last, self._seam_bytes)
            self._rest = b""

    def _cross_gap(self, gap: _Gap, data: bytes) -> None:
        """Look for the end of a gap: of a line the delimiter or a hole, of a hole anything but NUL."""
        data = gap.seam + data
        if gap.is_hole:
            stops = [len(data) - len(data.lstrip(b"\0"))]
        else:
            stops = [place for place in (data.find(self._delimiter), data.find(_HOLE_START)) if place >= 0]
        past = min(stops, default=len(data))
        if past == len(data):
            self._gap = gap.longer(data, self._seam_bytes)
        else:
            self._close_gap(gap, data, past)

    def _close_gap(self, gap: _Gap, data: bytes, past: int) -> None:
        """Make the gap, which ends at ``past`` in ``data``, a bad line and keep what follows."""
        step = len(self._delimiter)
        length, after = gap.length - len(gap.seam) + past, past
        if not gap.is_hole and data.startswith(self._delimiter, past):
            after += step
        position, stop = self._stop, self._stop + length + after - past
        if step > 1:
            length = stop - position
        self._clear(stop, (gap.before + data[:after])[-BEFORE_BYTES:])
        self._append(_hole(length) if gap.is_hole else self._too_long(length), position, length)
        self._gap, self._rest = None, data[after:]
        self._is_inside, self._is_after_hole = False, gap.is_hole

    def _load_end(self) -> bool:
        """At the end of the stream: what is left is waited for, or with :meth:`finish` taken."""
        if self._is_final:
            self._end()
            self._has_ended = True
            return True
        ends_in_hole = self._gap.is_hole if self._gap is not None else self._rest.endswith(_HOLE_START)
        if ends_in_hole and isinstance(self.stream, FileStream):
            self._give_back_hole()
        self.at_end = True
        return False

    def _give_back_hole(self) -> None:
        """NUL bytes at the end may be filled in yet (preallocated files, NFS): look again from where they start."""
        self._gap, self._rest = None, self._rest.rstrip(b"\0")
        self.stream.seek(self._stop + len(self._rest))
        self.head = self.head[: self.stream.tell()]

    def _end(self) -> None:
        if self._gap is not None:
            self._close_gap(self._gap, self._gap.seam, len(self._gap.seam))
        else:
            text = self._rest
            self._begin(self._stop, text)
            self._rest = b""
            self._fill([text], 0)
            self._cut_long()
            self._end_line_taken_before()
            if self._texts and isinstance(last := self._texts[-1], bytes) and not last.strip():
                del self._texts[-1], self._positions[-1], self._lengths[-1]
        self._stop = self.stream.tell()
        if damage := self.stream.damage():
            self._append(BadLine(damage), self._stop, 0)

    def _end_line_taken_before(self) -> None:
        """The first record may be the end of a line of which a part was taken before."""
        if not self._texts or not (self._is_inside or self._is_after_hole):
            return
        if self._texts[0] == b"":
            del self._texts[0], self._positions[0], self._lengths[0]
        elif self._is_inside and not isinstance(self._texts[0], BadLine):
            self._texts[0] = BadLine("the rest of a line that was taken before it was complete")
        self._is_inside = self._is_after_hole = False

    def _begin(self, start: int, block: bytes) -> None:
        before = self.tail()
        self._clear(start, before)
        self._block = block

    def _clear(self, start: int, before: bytes) -> None:
        self._start = self._stop = start
        self._before = before
        self._block = b""
        self._texts, self._positions, self._lengths = [], [], []
        self._next = 0

    def _too_long(self, length: int) -> BadLine:
        return BadLine(f"a line of {length} bytes is longer than the {self._max_bytes} that are read")

    def _append(self, text: bytes | BadLine, position: int, length: int) -> None:
        self._texts.append(text)
        self._positions.append(position)
        self._lengths.append(length)

    def _check_head(self, data: bytes) -> None:
        """The first bytes were looked at before they are read: they must be the same, and may be more."""
        position = self.stream.tell() - len(data)
        if position >= HEAD_HASH_BYTES:
            return
        expected = self.head[position:]
        if expected[: len(data)] != data[: len(expected)] or (expected and not data):
            self.stream.seek(position)
            raise ContentChanged("the file no longer starts as it did")
        if position <= len(self.head):
            self.head = (self.head[:position] + data)[:HEAD_HASH_BYTES]


class _Gap(NamedTuple):
    """A stretch of a content that is passed over without being kept."""

    length: int
    """Bytes so far, those of ``seam`` among them."""
    is_hole: bool
    seam: bytes = b""
    """The last bytes, which may be the beginning of a delimiter or a hole."""
    before: bytes = b""
    """What stands before the seam, as far as it proves the position."""

    def longer(self, data: bytes, seam_bytes: int) -> _Gap:
        """The gap with ``data``, which starts with the seam, behind it."""
        seam = b"" if self.is_hole else data[-seam_bytes:]
        before = (self.before + data)[-BEFORE_BYTES - len(seam) :]
        return _Gap(self.length - len(self.seam) + len(data), self.is_hole, seam, before[: len(before) - len(seam)])


def _hole(length: int) -> BadLine:
    return BadLine(f"{length} NUL bytes: a hole, as a crash leaves them")
