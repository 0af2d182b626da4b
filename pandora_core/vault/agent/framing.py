"""Owns how messages travel between the vault agent and its clients: bounded frames, secrets apart from words.

A frame is ``"PVA1" ‖ words u32 ‖ secrets u16 ‖ files u8 ‖ 0 u8 ‖ size u32 of each secret ‖ words ‖ secrets``.
Secrets never pass through a decoder: they are received straight into memory that is locked and wiped. Open files
travel beside the first byte (SCM_RIGHTS), so that evidence of any size is never copied through the socket.
"""

from __future__ import annotations

import array
import contextlib
import os
import socket
import struct
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from pandora_core.errors import ConfigError, VaultFormatError
from pandora_core.vault.crypto.secret import Secret

SOCKET_NAME = "vault.sock"
GREETING = b"PVA1"
"""What the agent says first, to who may speak to it; one that is about to leave does not say it."""
WORDS_LIMIT_BYTES = 32 * 1024 * 1024
SECRETS_LIMIT = 1200
SECRETS_LIMIT_BYTES = 17 * 1024 * 1024
FILES_LIMIT = 64

_HEAD = struct.Struct(">4sIHBB")
_MAGIC = b"PVA1"
_IS_LINUX = sys.platform.startswith("linux")
_PATH_LIMIT_BYTES = 107 if _IS_LINUX else 103
_CLOSE_ON_EXEC: int = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


class Frame:
    """What was received; leave it as a context to wipe its secrets and close its files."""

    def __init__(self, words: bytes, secrets: Sequence[Secret] = (), files: Sequence[int] = ()) -> None:
        self.words = words
        self.secrets = tuple(secrets)
        self.files = tuple(files)

    def close(self) -> None:
        """Wipe what is secret and close what is open."""
        for secret in self.secrets:
            secret.wipe()
        files, self.files = self.files, ()
        for descriptor in files:
            os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.close()


def send(connection: socket.socket, words: bytes, secrets: Sequence[Secret] = (), files: Sequence[int] = ()) -> None:
    """Send a frame; secrets stay the caller's to wipe, files to close."""
    head = _HEAD.pack(_MAGIC, len(words), len(secrets), len(files), 0)
    head += b"".join(len(secret).to_bytes(4) for secret in secrets)
    sent = socket.send_fds(connection, [head], files) if files else 0
    connection.sendall(head[sent:] + words)
    for secret in secrets:
        connection.sendall(secret.view)


def receive(
    connection: socket.socket, *, words_limit_bytes: int, wait_s: float | None, frame_s: float
) -> Frame | None:
    """The next frame, or ``None`` when the other side has hung up between two frames.

    Its first byte may take ``wait_s`` (``None``: for ever), the rest ``frame_s``, however it is dribbled. No memory
    is taken before every length was compared with its bound.

    Raises:
        VaultFormatError: not a frame, or one out of bounds.
        TimeoutError: too slow.
        ConnectionError: it ends in the middle.
    """
    connection.settimeout(wait_s)
    first, ancillary, _, _ = connection.recvmsg(_HEAD.size, socket.CMSG_LEN(4 * FILES_LIMIT), _CLOSE_ON_EXEC)
    frame = Frame(b"", (), _files_in(ancillary))
    if not first:
        frame.close()
        return None
    try:
        _receive_rest(frame, connection, first, words_limit_bytes, time.monotonic() + frame_s)
    except BaseException:
        frame.close()
        raise
    return frame


def _receive_rest(
    frame: Frame, connection: socket.socket, first: bytes, words_limit_bytes: int, until_s: float
) -> None:
    head = first + _take(connection, _HEAD.size - len(first), until_s)
    magic, words_bytes, secret_count, file_count, zero = _HEAD.unpack(head)
    bounded = words_bytes <= words_limit_bytes and secret_count <= SECRETS_LIMIT and file_count == len(frame.files)
    if magic != _MAGIC or zero or not bounded:
        raise VaultFormatError("what came over the vault agent's socket is not of its protocol, or out of bounds")
    sizes = struct.unpack(f">{secret_count}I", _take(connection, 4 * secret_count, until_s))
    if sum(sizes) > SECRETS_LIMIT_BYTES:
        raise VaultFormatError("secrets of over 16 MiB are sealed as a file")
    frame.words = _take(connection, words_bytes, until_s)
    frame.secrets = tuple(Secret(size) for size in sizes)
    for secret in frame.secrets:
        _fill(connection, secret.view, until_s)


def _files_in(ancillary: Sequence[tuple[int, int, bytes]]) -> tuple[int, ...]:
    """``socket.recv_fds`` would do, if it passed its flags on (Python 3.11 does not)."""
    files = array.array("i")
    for level, kind, octets in ancillary:
        if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
            files.frombytes(octets[: len(octets) - len(octets) % files.itemsize])
    return tuple(files)


def address(data: Path) -> str:
    """Where the socket of a data folder is, whatever the length of its path; see :func:`reachable`."""
    return str(data / SOCKET_NAME)


class Reachable:
    """A path of the socket that is short enough to bind or connect to, for as long as the context lasts.

    Socket addresses hold about 100 bytes. On Linux a longer path is reached through its open folder.
    """

    def __init__(self, data: Path) -> None:
        self._data = data
        self._folder = -1

    def __enter__(self) -> str:
        plain = address(self._data)
        if len(os.fsencode(plain)) <= _PATH_LIMIT_BYTES:
            return plain
        if not _IS_LINUX:
            raise ConfigError(
                "its path is too long for the vault agent's socket",
                where=str(self._data),
                hint="choose a data folder of less than 90 characters with --data DIR",
            )
        self._folder = os.open(self._data, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        return f"/proc/self/fd/{self._folder}/{SOCKET_NAME}"

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        if self._folder >= 0:
            os.close(self._folder)


def peer_uid(connection: socket.socket) -> int:
    """User id of the process at the other end, from the kernel (SO_PEERCRED; ``getpeereid`` where there is none)."""
    if _IS_LINUX:
        credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", credentials)[1])
    import ctypes

    uid, gid = ctypes.c_uint32(), ctypes.c_uint32()
    if ctypes.CDLL(None, use_errno=True).getpeereid(connection.fileno(), ctypes.byref(uid), ctypes.byref(gid)) != 0:
        raise ConnectionError("the kernel does not say who is at the other end")
    return uid.value


def hang_up(connection: socket.socket) -> None:
    """Close both ways, so that a thread that waits on it wakes."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def _take(connection: socket.socket, size_bytes: int, until_s: float) -> bytes:
    octets = bytearray(size_bytes)
    _fill(connection, memoryview(octets), until_s)
    return bytes(octets)


def _fill(connection: socket.socket, target: memoryview, until_s: float) -> None:
    filled = 0
    while filled < len(target):
        left_s = until_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("the rest of a message did not come")
        connection.settimeout(left_s)
        count = connection.recv_into(target[filled:])
        if not count:
            raise ConnectionError("a message ended in the middle")
        filled += count
