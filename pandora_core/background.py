"""Owns what processes apart from the terminal have in common: their lock, their start, and the end of their log."""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_KEPT_BACK = "PANDORA_SECRET_"


def holder(lock: Path) -> int | None:
    """Process id of who holds a lock file, 0 where it has not said it yet, ``None`` where nobody does."""
    try:
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _written_pid(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def holding(lock: Path, patience_s: float = 0.0) -> Iterator[int | None]:
    """Take a lock and give ``None``, or give the process id (0 if unknown) of who has it; it falls with the process.

    A little patience is needed where others look with :func:`holder`, which holds the lock for an instant.
    """
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        if _is_taken(descriptor, patience_s):
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
            yield None
        else:
            yield _written_pid(descriptor)
    finally:
        os.close(descriptor)


def start(module: str, arguments: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Run one of our modules in a session of its own, its output at the end of ``log`` (0600).

    It does not hang on the terminal: a hang-up, a closed window or a dead link leave it running.
    """
    return _start(module, arguments, log, os.environ)


class OnLine(NamedTuple):
    """A process, and our end of the line to it; it is told that we are gone by the end of the line."""

    process: subprocess.Popen[bytes]
    line: socket.socket


def start_on_line(module: str, log: Path, more: Mapping[str, str] | None = None) -> OnLine:
    """The same with a line to it, a pair of sockets; its argument is the descriptor of its end.

    It gets no secret from the environment, and ``more`` besides what is there.
    """
    ours, theirs = socket.socketpair()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_KEPT_BACK)}
    with theirs:
        descriptor = theirs.fileno()
        return OnLine(_start(module, [str(descriptor)], log, kept | dict(more or {}), (descriptor,)), ours)


def last_line(log: Path) -> str:
    """What a process said last."""
    lines = log.read_text("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _start(
    module: str, arguments: Sequence[str], log: Path, environment: Mapping[str, str], passed: Sequence[int] = ()
) -> subprocess.Popen[bytes]:
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        return subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [sys.executable, "-P", "-m", module, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            pass_fds=passed,
            start_new_session=True,
            cwd="/",
            env=environment,
        )
    finally:
        os.close(output)


def _written_pid(descriptor: int) -> int:
    text = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()
    return int(text) if text.isdigit() else 0


def _is_taken(descriptor: int, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.02)
        else:
            return True
