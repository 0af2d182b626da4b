"""Owns secrets as people and files give them: a typed passphrase, a private file, a descriptor."""

from __future__ import annotations

import os
import stat
import unicodedata
from io import RawIOBase
from pathlib import Path

from pandora_core.errors import ConfigError
from pandora_core.vault.crypto.secret import Octets, Secret

SECRET_FILE_LIMIT_BYTES = 64 * 1024


def passphrase_secret(typed: Octets | str) -> Secret:
    """A passphrase as the format wants it: UTF-8 of its NFC form. Text that is not plain ASCII passes a ``str``."""
    if isinstance(typed, str):
        return Secret.absorb(unicodedata.normalize("NFC", typed).encode())
    octets = memoryview(typed)
    if all(octet < 128 for octet in octets):
        return Secret.copy_of(octets)
    try:
        return passphrase_secret(str(octets, "utf-8"))
    except UnicodeDecodeError:
        raise ConfigError("the passphrase is not UTF-8") from None


def read_secret_file(path: Path, *, exact: bool = False) -> Secret:
    """A secret from a file that is nobody else's to read; one line end is cut off unless it is wanted ``exact``.

    Raises:
        ConfigError: it cannot be read, is larger than 64 KiB, somebody else's, or open to others.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise ConfigError(f"cannot read the secret: {error.strerror}", where=str(path)) from None
    with open(descriptor, "rb", buffering=0) as file:
        status = os.fstat(descriptor)
        if stat.S_ISREG(status.st_mode) and (status.st_mode & 0o077 or status.st_uid not in (0, os.geteuid())):
            raise ConfigError("a file with a secret is to be yours alone", where=str(path), hint=f"chmod 600 {path}")
        return read_secret(file, exact=exact)


def read_secret(file: RawIOBase, *, exact: bool = False) -> Secret:
    """A secret from an open unbuffered file or descriptor, to its end; one line end is cut off, unless ``exact``.

    Raises:
        ConfigError: it is larger than 64 KiB.
    """
    with Secret(SECRET_FILE_LIMIT_BYTES + 1) as buffer:
        filled = 0
        while filled < len(buffer) and (count := file.readinto(buffer.view[filled:])):
            filled += count
        if filled > SECRET_FILE_LIMIT_BYTES:
            raise ConfigError("a secret of over 64 KiB is for a sealed file", hint="pandora vault seal")
        for end in b"" if exact else b"\n\r":
            filled -= filled > 0 and buffer.view[filled - 1] == end
        return Secret.copy_of(buffer.view[:filled])
