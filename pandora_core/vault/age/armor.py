"""Owns the ASCII armour of age v1: strict PEM around a binary file, read and written as a stream."""

from __future__ import annotations

import binascii

from pandora_core.vault.age.error import AgeError, Failure
from pandora_core.vault.crypto.lines import LineSource
from pandora_core.vault.crypto.stream import Sink, Source

BEGIN = b"-----BEGIN AGE ENCRYPTED FILE-----"
END = b"-----END AGE ENCRYPTED FILE-----"
_LINE_CHARACTERS = 64
_LINE_BYTES = 48
_LONGEST_LINE_BYTES = 1024
_WHITESPACE_LIMIT_BYTES = 1024
_WHITESPACE = b" \t\r\n"


class ArmorReader:
    """A source of what is inside; anything that is not strictly so raises :class:`AgeError` of class ARMOR."""

    def __init__(self, source: Source) -> None:
        self._lines = LineSource(source)
        self._data = memoryview(b"")
        self._begun = False
        self._ended = False

    def readinto(self, buffer: memoryview, /) -> int:
        if not self._begun:
            self._begin()
        while not self._data and not self._ended:
            self._decode_line()
        taken = self._data[: len(buffer)]
        buffer[: len(taken)] = taken
        self._data = self._data[len(taken) :]
        return len(taken)

    def _begin(self) -> None:
        skipped = 0
        while not (line := self._line()).strip(_WHITESPACE):
            skipped += len(line) + 1
            if skipped > _WHITESPACE_LIMIT_BYTES or not self._lines.has_more():
                raise AgeError(Failure.ARMOR)
        if line != BEGIN:
            raise AgeError(Failure.ARMOR)
        self._begun = True

    def _decode_line(self) -> None:
        line = self._line()
        if line == END:
            self._end()
            return
        if not 0 < len(line) <= _LINE_CHARACTERS:
            raise AgeError(Failure.ARMOR)
        self._data = memoryview(_decode(line))
        if len(self._data) < _LINE_BYTES:
            if self._line() != END:
                raise AgeError(Failure.ARMOR)
            self._end()

    def _end(self) -> None:
        trailing = self._lines.rest(_WHITESPACE_LIMIT_BYTES)
        if len(trailing) > _WHITESPACE_LIMIT_BYTES or trailing.strip(_WHITESPACE):
            raise AgeError(Failure.ARMOR)
        self._ended = True

    def _line(self) -> bytes:
        line = self._lines.next_line(_LONGEST_LINE_BYTES)
        if line is None:
            raise AgeError(Failure.ARMOR)
        return line.removesuffix(b"\r")


class ArmorWriter:
    """A sink that armours; ``close`` writes the last line."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._waiting = b""
        sink.write(memoryview(BEGIN + b"\n"))

    def write(self, octets: memoryview, /) -> int:
        data = self._waiting + octets
        whole = len(data) - len(data) % _LINE_BYTES
        lines = [binascii.b2a_base64(data[at : at + _LINE_BYTES]) for at in range(0, whole, _LINE_BYTES)]
        self._sink.write(memoryview(b"".join(lines)))
        self._waiting = data[whole:]
        return len(octets)

    def close(self) -> None:
        last = binascii.b2a_base64(self._waiting) if self._waiting else b""
        self._sink.write(memoryview(last + END + b"\n"))


def _decode(line: bytes) -> bytes:
    try:
        data = binascii.a2b_base64(line, strict_mode=True)
    except binascii.Error:
        raise AgeError(Failure.ARMOR) from None
    if binascii.b2a_base64(data, newline=False) != line:  # bits left over
        raise AgeError(Failure.ARMOR)
    return data
