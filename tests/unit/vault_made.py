"""Small vaults on disk, made quickly with a key file, and what tests do with their files."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

from pandora_core.vault.crypto.profiles import CNSA, Profile
from pandora_core.vault.crypto.secret import Secret
from pandora_core.vault.format.entry import Field
from pandora_core.vault.format.keyfile import KeyFile
from pandora_core.vault.format.slots import Credentials
from pandora_core.vault.format.views import Actor, Draft
from pandora_core.vault.storage.vault import Vault

KIM = Actor("kim", "ws-1")
LEE = Actor("lee", "ws-2")
KEY_FILE = KeyFile(Secret.copy_of(b"k" * 32))
WAY = Credentials(key_file=KEY_FILE)


class Ticking:
    """A clock that goes on by a millisecond each time."""

    def __init__(self, start_ms: int = 1_700_000_000_000) -> None:
        self.now_ms = start_ms

    def __call__(self) -> int:
        self.now_ms += 1
        return self.now_ms


def private(folder: Path) -> Path:
    folder.mkdir(mode=0o700, exist_ok=True)
    folder.chmod(0o700)
    return folder


def make(folder: Path, *, profile: Profile = CNSA, entries: int = 0, **options) -> Vault:
    """A new vault, unlocked, with so many entries named ``entry N`` whose value is ``value N``."""
    vault = Vault.create(private(folder) / "vault.db", WAY, by=KIM, profile=profile, label="desk", **options)
    for number in range(entries):
        vault.put(draft(f"entry {number}", f"value {number}"), by=KIM)
    return vault


def draft(name: str, value: str = "s3cret", **more) -> Draft:
    return Draft(name, fields=(Field("token", Secret.copy_of(value.encode())),), hidden=("token",), **more)


def value_of(vault: Vault, name: str, field: str = "token", version: int | None = None) -> str:
    with vault.get(name, by=KIM, version=version) as opened:
        return opened.value(field).reveal().decode()


def values(vault: Vault) -> dict[str, str]:
    """Name and first value of every entry."""
    return {each.name: value_of(vault, each.name, each.meta.fields[0]) for each in vault.list()}


def opened(path: Path, **options) -> Vault:
    vault = Vault.open(path, **options)
    try:
        vault.unlock(WAY, by=KIM)
    except BaseException:
        vault.close()
        raise
    return vault


def copied(path: Path, folder: Path) -> Path:
    """A copy of the file in a private folder of its own."""
    return Path(shutil.copy2(path, private(folder) / path.name))


def tamper(path: Path, change: Callable[[sqlite3.Connection], object]) -> None:
    """Write to the file behind the vault's back, as somebody with an editor of SQLite would."""
    connection = sqlite3.connect(path)
    try:
        change(connection)
        connection.commit()
    finally:
        connection.close()


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def leave_no_journal(path: Path) -> bool:
    return not os.path.lexists(path.with_name(f"{path.name}-journal"))
