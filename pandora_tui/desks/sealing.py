"""Owns the sealing of an alert's evidence: what is written down of it, and the sealed file that is made of that."""

from __future__ import annotations

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from pandora_core import shapes
from pandora_core.store.rows import AlertDetail, EventRow

if TYPE_CHECKING:
    from pandora_core.vault.agent.client import Client

FOLDER = "evidence"
MEDIA = "application/x-ndjson"


class Sealed(NamedTuple):
    """A sealed file and the SHA-384 of what is in it, in hex."""

    path: Path
    size_bytes: int
    sha384: str


def written(detail: AlertDetail, raw_of: Callable[[EventRow], str]) -> bytes:
    """An alert as NDJSON: itself in full on the first line, then the raw line of each event with its place."""
    return b"".join(f"{json.dumps(line, ensure_ascii=False)}\n".encode() for line in _lines(detail, raw_of))


def seal(client: Client, data: Path, alert_id: str, content: bytes) -> Sealed:
    """Seal evidence for the vault, which may be locked, into a new file of the data folder.

    Raises:
        VaultError: it cannot be sealed; no file is left behind.
    """
    folder = data / FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    path = folder / f"{alert_id}-{stamp}.ndjson.sealed"
    sink = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with _in_memory(content) as source:
            custody = client.seal(source, sink, f"{alert_id}.ndjson", media=MEDIA)
        os.fsync(sink)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(sink)
    return Sealed(path, custody.size_bytes, custody.sha384)


def _lines(detail: AlertDetail, raw_of: Callable[[EventRow], str]) -> Iterable[object]:
    yield {"alert": shapes.alert_detail(detail)}
    for row in detail.events:
        yield {"event": row.id, "path": row.path, "line": row.line_number, "raw": raw_of(row)}


@contextmanager
def _in_memory(content: bytes) -> Iterator[int]:
    """An open file with the content that no disk sees, where the system has that."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("evidence", os.MFD_CLOEXEC)
        try:
            _fill(descriptor, content)
            yield descriptor
        finally:
            os.close(descriptor)
    else:
        with tempfile.TemporaryFile() as file:
            _fill(file.fileno(), content)
            yield file.fileno()


def _fill(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    os.lseek(descriptor, 0, os.SEEK_SET)
