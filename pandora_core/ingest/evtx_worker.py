"""Owns the child process that decodes chunks of binary Windows event logs: a damaged chunk must not hang the engine.

The parser (package ``evtx``) may loop without end on corrupt records and cannot be interrupted from within. Here the
kernel ends the child when a chunk takes longer than :data:`CHUNK_TIMEOUT_S` or too much memory; the parent sees the
pipe close, counts the chunk as bad and starts another child for the next one.
"""

from __future__ import annotations

import io
import resource
import signal
import struct
import subprocess
import sys
from typing import IO, Any, NamedTuple

import msgspec

CHUNK_TIMEOUT_S = 3
"""A chunk of 64 KiB takes about 2 ms."""

_MEMORY_BYTES = 2 << 30
_SIZE = struct.Struct("<I")


class Decoded(NamedTuple):
    """One record: its id, and either its JSON on one line or why the parser failed on it."""

    record_id: int
    line: bytes
    fault: str


_reply_decoder = msgspec.msgpack.Decoder(list[Decoded])


class EvtxWorker:
    """The parent's side: starts the child when it is first needed."""

    def __init__(self, timeout_s: float = CHUNK_TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._child: subprocess.Popen[bytes] | None = None

    def decode(self, chunk: bytes) -> list[Decoded] | None:
        """The records of a file header with one chunk behind it; None when the child gave up on it."""
        child = self._child = self._child or self._started()
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            _send(child.stdin, chunk)
            reply = _received(child.stdout)
        except BrokenPipeError:
            reply = None
        if reply is None:
            self.close()
            return None
        return _reply_decoder.decode(reply)

    def close(self) -> None:
        if self._child is not None:
            child, self._child = self._child, None
            child.kill()
            child.communicate()

    def _started(self) -> subprocess.Popen[bytes]:
        # -P: nothing is imported from the present folder, which may be that of the evidence.
        command = [sys.executable, "-P", "-m", __name__, str(self._timeout_s)]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)  # noqa: S603 - our own module


def main() -> None:
    """The child: answer chunk after chunk until the parent closes the pipe. Argument: what a chunk may take, in s."""
    timeout_s = float(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    while (chunk := _received(sys.stdin.buffer)) is not None:
        signal.setitimer(signal.ITIMER_REAL, timeout_s)
        records = _decoded(chunk)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _send(sys.stdout.buffer, msgspec.msgpack.encode(records))


def _decoded(chunk: bytes) -> list[Decoded]:
    from evtx import PyEvtxParser  # the child alone loads it

    try:
        records = PyEvtxParser(io.BytesIO(chunk), number_of_threads=1, indent=False).records_json()
    except (RuntimeError, OSError) as error:
        return [Decoded(-1, b"", _first_line(error))]
    decoded: list[Decoded] = []
    while True:
        try:
            record: Any = next(records)
        except StopIteration:
            return decoded
        except RuntimeError as error:
            decoded.append(Decoded(-1, b"", _first_line(error)))
        else:
            decoded.append(Decoded(record["event_record_id"], record["data"].encode(), ""))


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:300]


def _send(pipe: IO[bytes], message: bytes) -> None:
    pipe.write(_SIZE.pack(len(message)) + message)
    pipe.flush()


def _received(pipe: IO[bytes]) -> bytes | None:
    header = pipe.read(_SIZE.size)
    if len(header) < _SIZE.size:
        return None
    size: int = _SIZE.unpack(header)[0]
    message = pipe.read(size)
    return message if len(message) == size else None


if __name__ == "__main__":
    main()
