"""Owns a client's way to the vault agent: starting it on demand, making sure who it is, a question, its answer."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from pandora_core import background
from pandora_core.errors import PandoraError, VaultError, VaultFormatError
from pandora_core.vault.agent import framing
from pandora_core.vault.agent.protocol import REQUEST_LIMIT_BYTES, Answer, Request
from pandora_core.vault.crypto.secret import Secret

LOCK_NAME = "vault.lock"
LOG_NAME = "vault-agent.log"
_START_S = 15.0
_FRAME_S = 60.0
_RETRY_S = 0.02
_ANOTHER_RUNS = 3
"""Exit code of an agent that found another one at work."""

Value = TypeVar("Value")


class NoAgentError(VaultError):
    """No vault agent runs, and none was to be started."""


class LostAgentError(VaultError):
    """The vault agent ended, or failed, before it answered: whether it did what was asked is not known."""


class _UnsentError(LostAgentError):
    """The agent left before it had the whole of a request, so it cannot have done any of it."""


def exchange(
    data: Path,
    request: Request,
    kind: type[Value],
    secrets: Sequence[Secret] = (),
    *,
    files: Sequence[int] = (),
    start: bool = True,
    wait_s: float | None = 60.0,
) -> tuple[Value, tuple[Secret, ...]]:
    """Ask one thing: the value, and the secrets that came with it. ``wait_s`` of ``None`` waits for ever.

    Raises:
        VaultError: what the agent raised; or it cannot be started, or is somebody else's.
        LostAgentError: it died, or is silent.
        NoAgentError: none runs, and ``start`` is false.
    """
    words = _encode(request, secrets)
    try:
        frame = _ask_once(data, words, secrets, files, start=start, wait_s=wait_s)
    except _UnsentError:
        frame = _ask_once(data, words, secrets, files, start=start, wait_s=wait_s)
    try:
        return _value(frame.words, kind), frame.secrets
    except PandoraError:
        frame.close()
        raise


def wait_until_gone(data: Path) -> None:
    """Wait for an agent that was told to leave; one that takes its time is not waited for for ever."""
    deadline_s = time.monotonic() + _START_S
    while background.holder(data / LOCK_NAME) is not None and time.monotonic() < deadline_s:
        time.sleep(_RETRY_S)


def _encode(request: Request, secrets: Sequence[Secret]) -> bytes:
    """The words of a request; what is out of bounds is refused here, where that can still be said."""
    words = msgspec.msgpack.encode(request)
    secret_bytes = sum(map(len, secrets))
    if len(words) > REQUEST_LIMIT_BYTES or secret_bytes > framing.SECRETS_LIMIT_BYTES:
        raise VaultFormatError("an entry takes 16 MiB at most", hint="seal it as a file: pandora vault seal")
    if len(secrets) > framing.SECRETS_LIMIT:
        raise VaultFormatError("an entry has at most 1,024 fields")
    return words


def _ask_once(
    data: Path,
    words: bytes,
    secrets: Sequence[Secret],
    files: Sequence[int],
    *,
    start: bool,
    wait_s: float | None,
) -> framing.Frame:
    with _connect(data, start=start) as connection:
        connection.settimeout(_FRAME_S)
        try:
            framing.send(connection, words, secrets, files)
        except ConnectionError:
            raise _UnsentError("the vault agent left", where=str(data / LOG_NAME), hint="try again") from None
        return _receive(data, connection, wait_s)


def _receive(data: Path, connection: socket.socket, wait_s: float | None) -> framing.Frame:
    limit = framing.WORDS_LIMIT_BYTES
    try:
        frame = framing.receive(connection, words_limit_bytes=limit, wait_s=wait_s, frame_s=_FRAME_S)
    except OSError as error:
        raise _lost(data, f"the vault agent does not answer ({type(error).__name__})") from None
    if frame is None:
        raise _lost(data, "the vault agent ended, or failed, while it worked")
    return frame


def _value(words: bytes, kind: type[Value]) -> Value:
    try:
        answer = msgspec.msgpack.decode(words, type=Answer)
        if answer.failure is None:
            return msgspec.msgpack.decode(answer.value, type=kind)
    except msgspec.MsgspecError:
        raise VaultError(
            "the vault agent is of another version", hint="pandora vault lock --stop, then try again"
        ) from None
    raise answer.failure.error()


def _connect(data: Path, *, start: bool) -> socket.socket:
    """A connection whose other end said that it serves; one that is just leaving says nothing and is replaced."""
    deadline_s = time.monotonic() + _START_S
    child: subprocess.Popen[bytes] | None = None
    while (connection := _greeted(data)) is None:
        if not start:
            raise NoAgentError("no vault agent runs", where=str(data))
        if child is None and background.holder(data / LOCK_NAME) is None:
            child = _started(data)
        if child is not None and child.poll() is not None:
            if child.returncode not in (0, _ANOTHER_RUNS):
                said = background.last_line(data / LOG_NAME)
                raise VaultError(f"the vault agent ended at once: {said}", where=str(data / LOG_NAME))
            child = None
        if time.monotonic() > deadline_s:
            raise _lost(data, f"the vault agent did not answer within {_START_S:.0f} s")
        time.sleep(_RETRY_S)
    if child is not None:
        child.returncode = 0  # it outlives this process, which will not wait for it
    return connection


def _started(data: Path) -> subprocess.Popen[bytes]:
    try:
        return background.start("pandora_core.vault.agent.process", [str(data)], data / LOG_NAME)
    except OSError as error:
        raise VaultError(
            f"the vault agent cannot be started: {error.strerror}",
            where=str(data / LOG_NAME),
            hint="the data folder is to be yours, and writable",
        ) from None


def _greeted(data: Path) -> socket.socket | None:
    """Raises ``LostAgentError`` when there is one that does not say a word, of which nothing is known then."""
    with contextlib.ExitStack() as undo, contextlib.suppress(FileNotFoundError, ConnectionError):
        connection = undo.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
        connection.settimeout(_START_S)
        with framing.Reachable(data) as path:
            connection.connect(path)
        if framing.peer_uid(connection) != os.geteuid():
            raise VaultError("the vault agent's socket is somebody else's", where=framing.address(data))
        try:
            greeting = connection.recv(len(framing.GREETING), socket.MSG_WAITALL)
        except TimeoutError:
            raise _lost(data, f"the vault agent said nothing for {_START_S:.0f} s") from None
        if greeting == framing.GREETING:
            undo.pop_all()
            return connection
    return None


def _lost(data: Path, what: str) -> LostAgentError:
    return LostAgentError(what, where=str(data / LOG_NAME), hint="read the end of its log, then try again")
