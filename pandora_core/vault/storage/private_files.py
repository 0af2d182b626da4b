"""Owns how the vault's files lie on disk: private, no links, and written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from pandora_core.errors import RefusedError, VaultError
from pandora_core.vault.crypto.secret import random_bytes

FILE_MODE = 0o600
FOLDER_MODE = 0o700


def check_file(path: Path) -> os.stat_result:
    """Refuse what is a link, somebody else's, or open to others.

    Raises:
        VaultError: with the command that mends it.
        FileNotFoundError: it is not there.
    """
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise VaultError("not a regular file", where=str(path), hint="remove the link or device")
    _check_owner(path, status, "file", FILE_MODE)
    return status


def check_folder(folder: Path) -> None:
    """Refuse a folder that is a link, somebody else's, or in which others could swap the file.

    Raises:
        VaultError: with the command that mends it.
    """
    try:
        status = folder.lstat()
    except FileNotFoundError:
        raise VaultError("there is no such folder", where=str(folder), hint=f"mkdir -m 700 {folder}") from None
    if not stat.S_ISDIR(status.st_mode):
        raise VaultError("not a folder", where=str(folder), hint="name the folder itself, not a link to it")
    _check_owner(folder, status, "folder", FOLDER_MODE)


def sync_folder(folder: Path) -> None:
    """Make names that were made or changed in a folder outlast a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def spare_name(path: Path) -> Path:
    """A name beside ``path`` for what is not finished yet."""
    return path.with_name(f".{path.name}.{random_bytes(6).hex()}.part")


def settle(part: Path, path: Path, *, replace: bool) -> None:
    """Give a finished and synced file its name, for good.

    Raises:
        RefusedError: there is something of that name, and it is not to be replaced.
    """
    if replace:
        os.replace(part, path)
    else:
        try:
            os.link(part, path, follow_symlinks=False)
        except FileExistsError:
            raise RefusedError("there is a file of that name already", where=str(path)) from None
        finally:
            part.unlink()
    sync_folder(path.parent)


class NewFile:
    """A file that appears under its name, 0600 and synced, when the context is left well; else not at all."""

    def __init__(self, path: Path, *, replace: bool = False) -> None:
        self._path = path
        self._part = spare_name(path)
        self._replace = replace

    def __enter__(self) -> BinaryIO:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        # Buffered, since an unbuffered write may take less than it is given.
        self._file: BinaryIO = open(os.open(self._part, flags, FILE_MODE), "wb")
        return self._file

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        with contextlib.ExitStack() as leaving:
            leaving.callback(self._part.unlink, missing_ok=True)
            with self._file:
                if kind is not None:
                    return
                self._file.flush()
                os.fsync(self._file.fileno())
            settle(self._part, self._path, replace=self._replace)


def _check_owner(path: Path, status: os.stat_result, what: str, mode: int) -> None:
    if status.st_uid != os.geteuid():
        raise VaultError(f"the {what} belongs to another user", where=str(path), hint="the vault has one owner")
    if status.st_mode & 0o077:
        allowed = stat.S_IMODE(status.st_mode)
        # A folder that is meant for many, such as /tmp, is not to be closed to them.
        shared = what == "folder" and allowed & (stat.S_ISVTX | stat.S_ISGID | 0o002)
        hint = "name one in a folder of your own (mode 700)" if shared else f"chmod {mode:o} {path}"
        raise VaultError(f"the {what} is open to others (mode {allowed:o})", where=str(path), hint=hint)
