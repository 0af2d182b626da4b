"""The command ``pandora doctor``: what is installed, what is wrong, and the command that mends it."""

from __future__ import annotations

import os
import platform
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import NamedTuple

import click

from pandora_core import __version__, config, process
from pandora_core.cli.output import emit, json_option, table
from pandora_core.errors import PandoraError
from pandora_core.plugins import names

_NETWORK_FILESYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afs", "ceph", "glusterfs"}
)
_LOW_SPACE_BYTES = 1 << 30


class Finding(NamedTuple):
    """One thing that was looked at: ``state`` is ok, advice or wrong; ``mend`` says what to do."""

    topic: str
    state: str
    found: str
    mend: str = ""


@click.command()
@json_option
@click.pass_obj
def doctor(data: Path | None, as_json: bool) -> None:
    """What is installed, what is wrong, and how to mend it; exit 1 if something is wrong."""
    findings = [finding for look in _LOOKS for finding in _safely(look, data)]
    shape = {
        "version": __version__,
        "healthy": all(f.state != "wrong" for f in findings),
        "findings": [f._asdict() for f in findings],
    }
    emit(shape, as_json, lambda: table(("topic", "state", "found", "mend"), findings))
    if not shape["healthy"]:
        raise SystemExit(1)


def _safely(look: Callable[[Path | None], Iterator[Finding]], data: Path | None) -> list[Finding]:
    try:
        return list(look(data))
    except PandoraError as error:
        return [Finding(look.__name__.strip("_"), "wrong", error.what, error.hint)]


def _python(_: Path | None) -> Iterator[Finding]:
    yield Finding("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")
    yield Finding("pandora", "ok", f"{__version__} at {Path(__file__).resolve().parents[2]}")
    for package in ("textual", "sqlalchemy", "msgspec", "evtx", "click", "cryptography"):
        try:
            yield Finding(package, "ok", version(package))
        except PackageNotFoundError:
            yield Finding(package, "wrong", "not installed", "install Pandora again with pip")


def _sqlite(_: Path | None) -> Iterator[Finding]:
    from pandora_core.store.sqlite import WAL_SAFE, choose

    choice = choose()
    found = f"{'.'.join(map(str, choice.version))} from {choice.name}, journal {choice.journal}"
    if choice.version >= WAL_SAFE:
        yield Finding("sqlite", "ok", found)
    else:
        yield Finding(
            "sqlite",
            "advice",
            found + " (this version can corrupt a WAL)",
            "pip install pysqlite3, where it has a wheel",
        )


def _formats(_: Path | None) -> Iterator[Finding]:
    found = names("formats")
    state = "ok" if found else "wrong"
    yield Finding(
        "log formats", state, ", ".join(found) or "none registered", "" if found else "install Pandora again with pip"
    )


def _folder(data: Path | None) -> Iterator[Finding]:
    folder = config.load(data).data
    if not folder.exists():
        yield Finding("data folder", "ok", f"{folder} (will be made)")
        return
    config.prepare_data_dir(folder)
    yield Finding("data folder", "ok", f"{folder}, mode {stat.S_IMODE(folder.stat().st_mode):o}")
    kind = _filesystem_of(folder)
    if kind in _NETWORK_FILESYSTEMS:
        yield Finding("file system", "wrong", f"{kind} loses SQLite's locks", "choose a local folder with --data DIR")
    free = shutil.disk_usage(folder).free
    low = free < _LOW_SPACE_BYTES
    yield Finding(
        "disk space", "advice" if low else "ok", f"{free / 1e9:.1f} GB free", "free some space" if low else ""
    )
    yield from _loose_files(folder)


def _loose_files(folder: Path) -> Iterator[Finding]:
    for path in sorted(folder.iterdir()):
        mode = stat.S_IMODE(path.lstat().st_mode)
        if path.is_file() and mode & 0o007:
            yield Finding("permissions", "wrong", f"{path} has mode {mode:o}", f"chmod 600 {path}")


def _store(data: Path | None) -> Iterator[Finding]:
    from pandora_core.store.maintenance import check
    from pandora_core.store.sqlite import FILE_NAME
    from pandora_core.store.store import Store

    path = config.load(data).data / FILE_NAME
    if not path.exists():
        yield Finding("store", "ok", "none yet")
        return
    store = Store(path)
    try:
        report = check(store)
    finally:
        store.close()
    if report.problems:
        yield Finding(
            "store", "wrong", report.problems[0], "restore a backup, or read the logs again into a new folder"
        )
    else:
        yield Finding(
            "store", "ok", f"version {report.version}, {report.size_bytes:,} bytes, journal {report.journal}"
        )


def _engine(data: Path | None) -> Iterator[Finding]:
    pid = process.running_pid(config.load(data).data)
    yield Finding("engine", "ok", f"process {pid}" if pid else "not running")


def _vault(data: Path | None) -> Iterator[Finding]:
    from pandora_core.vault.agent.client import Client
    from pandora_core.vault.crypto.providers.liboqs import HOW_TO_GET_IT, look

    problem = look().problem
    if problem:
        yield Finding("liboqs", "advice", f"{problem}; cryptography alone serves the vault", HOW_TO_GET_IT)
    else:
        yield Finding("liboqs", "ok", look().place)
    status = Client(config.load(data).data).status()
    yield Finding("vault", "ok", "none yet" if status.state == "absent" else status.state)
    if status.agent_pid is not None and not status.memory_locked:
        yield Finding(
            "vault memory",
            "advice",
            "keys may be swapped to disk: the limit of locked memory is too low",
            "raise it (ulimit -l 65536), or encrypt the swap",
        )


def _terminal(_: Path | None) -> Iterator[Finding]:
    term = os.environ.get("TERM", "")
    if term in ("", "dumb"):
        yield Finding(
            "terminal",
            "advice",
            f"TERM={term or 'unset'}: commands work, the console does not",
            "export TERM=xterm-256color",
        )
    else:
        yield Finding("terminal", "ok", f"TERM={term}")
    encoding = (sys.stdout.encoding or "").lower()
    if "utf" not in encoding:
        yield Finding("encoding", "advice", encoding or "unknown", "export LC_ALL=C.UTF-8")


def _filesystem_of(folder: Path) -> str:
    """Type of the file system that holds a folder, by the longest mount point of /proc/mounts; empty elsewhere."""
    try:
        mounts = Path("/proc/mounts").read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ""
    real = str(folder.resolve())
    inside = [
        (len(m[1]), m[2])
        for m in (line.split() for line in mounts)
        if real == m[1] or real.startswith(m[1].rstrip("/") + "/")
    ]
    return max(inside, default=(0, ""))[1]


_LOOKS = (_python, _sqlite, _formats, _folder, _store, _engine, _vault, _terminal)
