"""Owns the wiring: settings in, a working store, engine or operator out. Faces start here; nothing below knows settings."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pandora_core import config, process
from pandora_core.config import Settings
from pandora_core.errors import ConfigError, StoreError
from pandora_core.store.operator import Operator
from pandora_core.store.reader import Reader
from pandora_core.store.store import FILE_NAME, Store


def settings_of(data: Path | None) -> Settings:
    """The settings for ``--data``; the folder is made if need be, with mode 0700."""
    settings = config.load(data)
    config.prepare_data_dir(settings.data)
    return settings


@contextlib.contextmanager
def opened(data: Path | None) -> Iterator[Store]:
    """The store of a data folder, made if it is not there."""
    store = Store(settings_of(data).data / FILE_NAME)
    try:
        yield store
    finally:
        store.close()


@contextlib.contextmanager
def reading(data: Path | None) -> Iterator[Reader]:
    """Questions to the store of a data folder."""
    with opened(data) as store:
        yield Reader(store)


@contextlib.contextmanager
def operating(data: Path | None) -> Iterator[Operator]:
    """Actions on the store of a data folder, in the name of the person at the keyboard."""
    with opened(data) as store:
        yield operator_of(store)


def operator_of(store: Store) -> Operator:
    """Who acts: the OS user, or whoever called sudo; and on which machine."""
    return Operator(store, actor(), socket.gethostname())


def actor() -> str:
    """The OS user; under sudo the one who called it."""
    return os.environ.get("SUDO_USER") or getpass.getuser()


def now_us() -> int:
    """The present in microseconds since the epoch, UTC."""
    return time.time_ns() // 1000


def engine_pid(data: Path | None) -> int | None:
    """Process id of the engine of a data folder, or ``None``."""
    return process.running_pid(config.load(data).data)


def absolute(pattern: str) -> str:
    """A source's pattern so that it means the same from every folder; ``-`` stays standard input."""
    return pattern if pattern == "-" else os.path.abspath(os.path.expanduser(pattern))


def check_format(name: str) -> None:
    """Refuse a format that is not registered.

    Raises:
        ConfigError: with the names there are.
    """
    from pandora_core.plugins import names

    if name != "auto" and name not in names("formats"):
        raise ConfigError(
            f"no log format {name!r}", where="--format", hint=f"known: auto, {', '.join(names('formats'))}"
        )


def to_json(value: Any) -> str:
    """One line of JSON."""
    return json.dumps(value, ensure_ascii=False)


def write_private(path: Path, text: str) -> None:
    """Write a new file with mode 0600.

    Raises:
        StoreError: it exists already, or cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StoreError(f"cannot write: {error.strerror}", where=str(path), hint="choose another name") from error
    with open(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
