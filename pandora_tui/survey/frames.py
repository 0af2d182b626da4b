"""Owns how messages go over a socket: each as its length in four bytes, least first, and MessagePack."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import msgspec

_LENGTH_BYTES = 4


def send(line: socket.socket, message: Any) -> None:
    """Send one message whole.

    Raises:
        OSError: nobody is at the other end.
    """
    frame = msgspec.msgpack.encode(message)
    line.sendall(len(frame).to_bytes(_LENGTH_BYTES, "little") + frame)


def frames(line: socket.socket) -> Iterator[bytes]:
    """Every whole message, until the other end closes or dies."""
    with line.makefile("rb") as stream:
        while len(head := stream.read(_LENGTH_BYTES)) == _LENGTH_BYTES:
            length = int.from_bytes(head, "little")
            frame = stream.read(length)
            if len(frame) < length:
                return
            yield frame
