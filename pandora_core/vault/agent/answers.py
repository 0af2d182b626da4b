"""Owns what the vault agent answers: entries, ways in, custody, records and states, as its clients see them.

No answer holds a secret: values travel beside it and meet it again in :class:`Opened`. Times are milliseconds since
the epoch, UTC.
"""

from __future__ import annotations

from types import TracebackType
from typing import NamedTuple, Self

import msgspec

from pandora_core.errors import NotFoundError
from pandora_core.vault.crypto.secret import Secret


class Field(NamedTuple):
    """One value of an entry under its name."""

    name: str
    value: Secret


class EntryView(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as a list shows it; ``fields`` names its values, ``hidden`` those that are masked."""

    id: str
    name: str
    kind: str
    version: int
    created_ms: int
    changed_ms: int
    tags: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    note: str = ""

    @property
    def main_field(self) -> str:
        """The field that a token or a copy takes: the first hidden one, else the first; empty if there is none."""
        return next(iter((*self.hidden, *self.fields)), "")


class Signed(msgspec.Struct, frozen=True, kw_only=True):
    """A key that signs, and the signature if one was asked for."""

    algorithm: str
    public_key: bytes
    signature: bytes = b""


class SlotView(msgspec.Struct, frozen=True, kw_only=True):
    """A way in: what kind, what it is called, and what a guess at it costs."""

    id: str
    type: str
    label: str = ""
    memory_mib: int = 0
    passes: int = 0
    threshold: int = 0
    shares: int = 0
    recipient: str = ""


class LeaseView(msgspec.Struct, frozen=True, kw_only=True):
    """An entry that stays readable while the vault is locked."""

    name: str
    since_ms: int


class VaultStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What is true of the vault now. ``state`` is absent, locked, unlocking or unlocked."""

    state: str
    agent_pid: int | None = None
    vault_id: str = ""
    profile: str = ""
    provider: str = ""
    epoch: int = 0
    generation: int = 0
    entries: int = 0
    slots: int = 0
    deposits: int = 0
    commit: int = 0
    audit_records: int = 0
    integrity: str = ""
    freshness: str = ""
    locks_in_s: float | None = None
    leases: tuple[LeaseView, ...] = ()
    taken_in: tuple[str, ...] = ()
    """Names of the deposits that the last unlock took in."""
    refused_deposits: int = 0
    """Deposits that the last unlock found damaged; they stay."""
    memory_locked: bool = False
    no_core_dumps: bool = False
    no_tracing: bool = False


class RecipientsView(msgspec.Struct, frozen=True, kw_only=True):
    """The vault's public keys, which need no unlocking."""

    vault: str
    bundle: str
    signer: str
    signer_fingerprint: str


class Custody(msgspec.Struct, frozen=True, kw_only=True):
    """What was sealed or opened: hashes are SHA-384 in hex, of the plaintext and of the sealed file."""

    name: str
    size_bytes: int
    sha384: str
    sealed_sha384: str = ""
    file_id: str = ""
    at_ms: int = 0
    actor: str = ""
    host: str = ""
    media: str = ""


class AuditView(msgspec.Struct, frozen=True, kw_only=True):
    """A record of the audit trail."""

    sequence: int
    at_ms: int
    actor: str
    host: str
    kind: str
    subject: str = ""
    details: dict[str, object] = {}


class VerifyReport(msgspec.Struct, frozen=True, kw_only=True):
    """Whether what is stored is what was signed; ``freshness`` is unknown without a witness."""

    sound: bool
    problems: tuple[str, ...] = ()
    integrity: str = ""
    freshness: str = ""
    commit: int = 0
    audit_records: int = 0


class RekeyReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a rekey left behind; ``removed_slots`` could not be wrapped anew."""

    epoch: int
    generation: int
    removed_slots: tuple[SlotView, ...] = ()


class ImportReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a bundle brought."""

    signer: str
    added: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


class WitnessView(msgspec.Struct, frozen=True, kw_only=True):
    """What to keep outside of the file: a line for a file or syslog, a code to print."""

    line: str
    code: str


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One test of a provider."""

    provider: str
    algorithm: str
    passed: bool
    detail: str = ""


class Opened:
    """An entry with its values; leave it as a context to wipe them."""

    def __init__(self, entry: EntryView, fields: tuple[Field, ...]) -> None:
        self.entry = entry
        self.fields = fields

    def value(self, name: str = "") -> Secret:
        """The value of a field; of the main one when no name is given.

        Raises:
            NotFoundError: the entry has no such field.
        """
        wanted = name or self.entry.main_field
        for field in self.fields:
            if field.name == wanted:
                return field.value
        raise NotFoundError(
            f"{self.entry.name!r} has no field {wanted!r}", hint=f"it has: {', '.join(self.entry.fields) or 'none'}"
        )

    def wipe(self) -> None:
        for field in self.fields:
            field.value.wipe()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.wipe()

    def __repr__(self) -> str:
        return f"<Opened {self.entry.name!r}>"
