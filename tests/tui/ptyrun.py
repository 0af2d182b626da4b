"""Owns a pseudo-terminal with a program on it, for tests and benchmarks to type into and look at."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Sequence
from typing import Any

import pyte

_ANSWERS = (  # what a modern terminal says when it is asked; see xterm's control sequences
    (re.compile(rb"\x1b\[0?c"), b"\x1b[?62;22c"),
    (re.compile(rb"\x1b\[6n"), b"\x1b[1;1R"),
    (re.compile(rb"\x1b\[\?2026\$p"), b"\x1b[?2026;2$y"),
    (re.compile(rb"\x1b\[\?2048\$p"), b"\x1b[?2048;0$y"),
)
_NOT_FOR_PYTE = re.compile(
    rb"\x1b\[[<>=][0-9;]*[a-zA-Z]|\x1b\[\?[0-9;]*\$[a-z]|\x1bP.*?\x1b\\|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)", re.S
)


class PtyRun:
    """A program on a terminal of ``columns`` × ``rows``; use as a context manager, which ends it if it still runs."""

    def __init__(
        self, command: Sequence[str], columns: int = 80, rows: int = 24, env: dict[str, str] | None = None
    ) -> None:
        self.columns, self.rows = columns, rows
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.modes_before: list[Any] = termios.tcgetattr(slave)
        self.chunks: list[tuple[float, bytes]] = []
        self._tail = b""
        self._display = pyte.Screen(columns, rows)
        self._emulator = pyte.ByteStream(self._display)
        self._fed = 0
        self._slave = slave
        environ = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", **(env or {})}
        for name in ("NO_COLOR", "PANDORA_ASCII", "TMUX"):
            if name not in (env or {}):
                environ.pop(name, None)
        self.started = time.perf_counter()
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environ,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )

    def __enter__(self) -> PtyRun:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for descriptor in (self.master, self._slave):
            if descriptor >= 0:
                os.close(descriptor)

    @property
    def output(self) -> bytes:
        return b"".join(data for _, data in self.chunks)

    @property
    def modes(self) -> list[Any]:
        """The terminal's modes as they are now."""
        return termios.tcgetattr(self._slave)

    def send(self, keys: str) -> None:
        os.write(self.master, keys.encode())

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def hang_up(self) -> None:
        """Close the terminal as a lost link does: the program gets SIGHUP and its writes fail."""
        os.close(self._slave)
        os.close(self.master)
        self._slave = self.master = -1

    def read_until(self, is_enough: Callable[[], bool], timeout_s: float = 10.0) -> bool:
        """Read until ``is_enough``, the end of the output or the timeout; says whether it was enough."""
        end = time.perf_counter() + timeout_s
        while not is_enough():
            if time.perf_counter() >= end or not self._read(0.02):
                return is_enough()
        return True

    def read_for(self, seconds: float) -> None:
        end = time.perf_counter() + seconds
        while time.perf_counter() < end and self._read(min(0.02, seconds)):
            pass

    def wait_for_text(self, text: str, timeout_s: float = 10.0) -> bool:
        """Read until ``text`` has been written (in one run of characters)."""
        return self.read_until(lambda: text.encode() in self.output, timeout_s)

    def settle(self, quiet_s: float = 0.15, timeout_s: float = 5.0) -> None:
        """Read until nothing has come for a while."""
        since = time.perf_counter()
        self.read_until(
            lambda: time.perf_counter() - max(since, self.started + self.chunks[-1][0]) >= quiet_s, timeout_s
        )

    def wait_for_quiet(self, quiet_s: float = 0.3, timeout_s: float = 10.0) -> float:
        """Read until something was drawn and nothing came for a while; seconds from start to the last byte."""

        def is_quiet() -> bool:
            drawn = sum(len(data) for _, data in self.chunks) > 200
            return drawn and time.perf_counter() - self.started - self.chunks[-1][0] >= quiet_s

        self.read_until(is_quiet, timeout_s)
        return self.chunks[-1][0] if self.chunks else timeout_s

    def wait(self, timeout_s: float = 5.0) -> int | None:
        """Read what still comes and return the exit code: -n where signal n killed it, ``None`` if it runs on."""
        if self.master >= 0:
            self.read_until(lambda: self.process.poll() is not None, timeout_s)
            self.read_for(0.05)
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def screen(self) -> list[str]:
        """The lines on the terminal's screen now. Ask when the output has settled: half a sequence is not known."""
        output = self.output
        self._emulator.feed(_for_pyte(output[self._fed :]))
        self._fed = len(output)
        return list(self._display.display)

    def painted_s(self) -> float:
        """Seconds from start until nine tenths of what is on screen now stood there."""
        final = "".join(self.screen())
        cells = [index for index, character in enumerate(final) if character != " "]
        screen = pyte.Screen(self.columns, self.rows)
        stream = pyte.ByteStream(screen)
        for at, data in self.chunks:
            stream.feed(_for_pyte(data))
            now = "".join(screen.display)
            if sum(now[index] == final[index] for index in cells) >= 0.9 * len(cells):
                return at
        return self.chunks[-1][0]

    def _read(self, timeout_s: float) -> bool:
        readable, _, _ = select.select([self.master], [], [], timeout_s)
        if not readable:
            return self.process.poll() is None
        try:
            data = os.read(self.master, 65_536)
        except OSError:
            return False
        self.chunks.append((time.perf_counter() - self.started, data))
        self._answer(data)
        return True

    def _answer(self, data: bytes) -> None:
        seen = self._tail + data
        for question, answer in _ANSWERS:
            for match in question.finditer(seen):
                if match.end() > len(self._tail):
                    os.write(self.master, answer)
        self._tail = seen[-16:]


def _for_pyte(data: bytes) -> bytes:
    """The output as pyte knows it: without queries and protocols that it would print, and with one screen only."""
    for switch in (b"\x1b[?1049h", b"\x1b[?1049l"):
        data = data.replace(switch, b"\x1b[0m\x1b[H\x1b[2J")
    return _NOT_FOR_PYTE.sub(b"", data)
