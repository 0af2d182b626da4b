"""Owns what the vault tells of itself and takes in: plain values, none of them secret but those that say so."""

from __future__ import annotations

import getpass
import os
import socket
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, NamedTuple, Self

from pandora_core.errors import NotFoundError
from pandora_core.vault.crypto.secret import Secret
from pandora_core.vault.format.entry import Field, Meta
from pandora_core.vault.format.slots import SlotType


@dataclass(frozen=True, slots=True)
class Actor:
    """In whose name something is done, and where."""

    name: str
    host: str

    @classmethod
    def present(cls) -> Self:
        """The operating system's user (behind ``sudo``) on this host."""
        return cls(os.environ.get("SUDO_USER") or getpass.getuser(), socket.gethostname())


@dataclass(frozen=True, slots=True)
class Draft:
    """An entry to be written; the caller keeps the values and wipes them."""

    name: str
    kind: str = "token"
    tags: tuple[str, ...] = ()
    note: str = ""
    fields: tuple[Field, ...] = field(default=(), repr=False)
    hidden: tuple[str, ...] = ()
    """Names of those fields that are masked on a screen."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What a new version has different; ``None`` leaves it as it is."""

    name: str | None = None
    tags: tuple[str, ...] | None = None
    note: str | None = None
    set: tuple[Field, ...] = field(default=(), repr=False)
    """Fields that get a new value, or are new (these are hidden)."""
    shown: tuple[str, ...] = ()
    """Those of ``set`` that are not masked."""
    removed: tuple[str, ...] = ()


class Entry(NamedTuple):
    """A version of an entry as a list shows it."""

    id: bytes
    version: int
    meta: Meta

    @property
    def name(self) -> str:
        return self.meta.name


class OpenedEntry:
    """An entry with its values; leave it as a context to wipe them."""

    __slots__ = ("entry", "fields")

    def __init__(self, entry: Entry, fields: tuple[Field, ...]) -> None:
        self.entry = entry
        self.fields = fields

    def value(self, name: str) -> Secret:
        """The value of a field.

        Raises:
            NotFoundError: there is no such field.
        """
        for each in self.fields:
            if each.name == name:
                return each.value
        known = ", ".join(each.name for each in self.fields) or "none"
        raise NotFoundError(f"{self.entry.name!r} has no field {name!r}", hint=f"it has: {known}")

    def wipe(self) -> None:
        for each in self.fields:
            each.value.wipe()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.wipe()

    def __repr__(self) -> str:
        return f"<OpenedEntry version {self.entry.version}>"


@dataclass(frozen=True, slots=True)
class SlotInfo:
    """A way in; its label is known only while the vault is unlocked."""

    id: bytes
    type: SlotType
    label: str = ""
    memory_kib: int = 0
    passes: int = 0
    threshold: int = 0
    shares: int = 0
    recipient: str = ""


@dataclass(frozen=True, slots=True)
class NewSlot:
    """A slot that was just made; the words of recovery shares are to be written down, then forgotten."""

    slot: SlotInfo
    mnemonics: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True)
class PublicInfo:
    """What the vault shows while it is locked: for whom to seal, to whom to export, whom to trust."""

    recipient: str
    bundle_recipient: str
    signer_algorithm: str
    signer: bytes
    signer_fingerprint: str
    """SHA-384 of the public signing key, in hex."""


@dataclass(frozen=True, slots=True)
class Status:
    """What is true of the vault now."""

    path: str
    is_unlocked: bool
    vault_id: bytes
    profile: str
    provider: str
    generation: int
    epoch: int
    entries: int
    slots: int
    deposits: int
    """Entries that wait for an unlock; those among them that do not open stay here."""
    commit: int
    committed_ms: int
    audit_records: int
    unwritten_reads: int
    freshness: str


@dataclass(frozen=True, slots=True)
class Unlocked:
    """What an unlock found: deposits that were taken in, and how many do not open."""

    slot: SlotInfo
    taken_in: tuple[str, ...] = ()
    refused_deposits: int = 0


@dataclass(frozen=True, slots=True)
class Verification:
    """Whether what is stored is what was signed, and what is known of its age."""

    problems: tuple[str, ...]
    commit: int
    entries: int
    audit_records: int
    freshness: str

    @property
    def is_sound(self) -> bool:
        return not self.problems


@dataclass(frozen=True, slots=True)
class WitnessForms:
    """What is kept outside of the file: a line for a file or syslog, a code to print."""

    line: str
    code: str


@dataclass(frozen=True, slots=True)
class Custody:
    """Who sealed or opened which file, and what it was; hashes are SHA-384 in hex."""

    name: str
    file_id: bytes
    size_bytes: int
    sha384: str
    sealed_sha384: str
    at_ms: int
    actor: str
    host: str
    media: str = ""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """A record of the audit trail, opened."""

    sequence: int
    at_ms: int
    actor: str
    host: str
    kind: str
    subject: str
    details: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """What a rekey came to; the removed slots could not be wrapped anew without their secret."""

    epoch: int
    generation: int
    removed_slots: tuple[SlotInfo, ...] = ()


@dataclass(frozen=True, slots=True)
class Imported:
    """What a bundle brought: names of entries, and of files that were written out."""

    signer_fingerprint: str
    added: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
