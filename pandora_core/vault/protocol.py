"""Owns the messages between the vault agent and its clients: what can be asked, and what is answered.

No message holds a secret: these travel beside the words of a frame, in the order that each message names. Times are
milliseconds since the epoch, UTC.
"""

from __future__ import annotations

import unicodedata
from types import TracebackType
from typing import NamedTuple, Self

import msgspec

from pandora_core import errors
from pandora_core.vault.secret import Octets, Secret

AUTO_LOCK_S = 240.0
AUTO_LOCK_BOUNDS_S = (1.0, 86_400.0)
REQUEST_LIMIT_BYTES = 1024 * 1024

_ERRORS: dict[str, type[errors.PandoraError]] = {
    kind.__name__: kind
    for kind in (
        errors.ConfigError,
        errors.NotFoundError,
        errors.ProviderError,
        errors.RefusedError,
        errors.TamperedError,
        errors.UntrustedSignerError,
        errors.VaultFormatError,
        errors.VaultLockedError,
    )
}


class Field(NamedTuple):
    """One value of an entry under its name."""

    name: str
    value: Secret


class Keys(msgspec.Struct, frozen=True):
    """Which ways in accompany a request as secrets: a passphrase, a key file, an identity, then shares."""

    passphrase: bool = False
    key_file: bool = False
    identity: bool = False
    shares: int = 0


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """An entry to be written; its values accompany it in the order of ``fields``."""

    name: str
    kind: str = "token"
    tags: tuple[str, ...] = ()
    note: str = ""
    fields: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be changed of an entry; ``None`` leaves it. Values of the fields in ``set`` accompany it."""

    name: str | None = None
    tags: tuple[str, ...] | None = None
    note: str | None = None
    set: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    """Those of ``set`` that are not masked."""
    removed: tuple[str, ...] = ()


class Request(msgspec.Struct, frozen=True, kw_only=True, tag_field="ask", forbid_unknown_fields=True):
    """What every request says: in whose name it is made."""

    actor: str = ""


class Status(Request, tag="status", frozen=True):
    pass


class Init(Request, tag="init", frozen=True):
    keys: Keys
    profile: str = "high"


class Unlock(Request, tag="unlock", frozen=True):
    keys: Keys
    leases: tuple[str, ...] = ()
    lock_after_s: float = AUTO_LOCK_S


class Lock(Request, tag="lock", frozen=True):
    all: bool = False
    """End the leases too."""


class Lease(Request, tag="lease", frozen=True):
    names: tuple[str, ...]


class Release(Request, tag="release", frozen=True):
    names: tuple[str, ...]


class Put(Request, tag="put", frozen=True):
    draft: Draft


class Get(Request, tag="get", frozen=True):
    name: str
    version: int | None = None


class Token(Request, tag="token", frozen=True):
    """The main secret of an entry: from a lease, else from the unlocked vault."""

    name: str


class List(Request, tag="list", frozen=True):
    pass


class Edit(Request, tag="edit", frozen=True):
    name: str
    changes: Changes


class Remove(Request, tag="remove", frozen=True):
    name: str


class History(Request, tag="history", frozen=True):
    name: str


class Rekey(Request, tag="rekey", frozen=True):
    what: str
    """``epoch``, ``master`` or ``signing``."""
    ways: tuple[Keys, ...] = ()
    """For ``master``: of the slots that are to stay."""


class Slots(Request, tag="slots", frozen=True):
    pass


class SlotAdd(Request, tag="slot-add", frozen=True):
    label: str
    keys: Keys = Keys()
    recipient: str = ""
    shares: tuple[int, int] | None = None
    """Threshold and number; the words are answered as secrets."""


class SlotRemove(Request, tag="slot-remove", frozen=True):
    slot: str


class Recipients(Request, tag="recipients", frozen=True):
    pass


class Seal(Request, tag="seal", frozen=True):
    """Files: the source, the sink."""

    name: str
    media: str = ""
    recipients: tuple[str, ...] = ()


class Open(Request, tag="open", frozen=True):
    """Files: the sealed source, the sink."""


class Deposit(Request, tag="deposit", frozen=True):
    draft: Draft


class Export(Request, tag="export", frozen=True):
    """Files: the sink, then those of ``members``, which are read twice. It goes to these recipients (``age1pq…``)."""

    names: tuple[str, ...]
    recipients: tuple[str, ...]
    members: tuple[tuple[str, str], ...] = ()
    """Name and media type of each file that goes along."""
    note: str = ""
    armored: bool = False


class Import(Request, tag="import", frozen=True):
    """Files: the source."""

    trusted: tuple[str, ...] = ()
    folder: str = ""
    """Where files of the bundle are written; empty refuses a bundle that has any."""


class Verify(Request, tag="verify", frozen=True):
    witness: str = ""


class Audit(Request, tag="audit", frozen=True):
    limit: int = 200


class Witness(Request, tag="witness", frozen=True):
    pass


class Backup(Request, tag="backup", frozen=True):
    path: str


class Selftest(Request, tag="selftest", frozen=True):
    pass


class Stop(Request, tag="stop", frozen=True):
    """Lock, end the leases, and leave."""


class Failure(msgspec.Struct, frozen=True):
    """A deliberate error of the agent, on its way to become one of the client."""

    kind: str
    what: str
    where: str = ""
    hint: str = ""

    @classmethod
    def of(cls, error: errors.PandoraError) -> Self:
        return cls(type(error).__name__, error.what, error.where, error.hint)

    def error(self) -> errors.PandoraError:
        """The same error on this side."""
        if self.kind == errors.OpenFailedError.__name__:
            return errors.OpenFailedError(self.what)
        kind = _ERRORS.get(self.kind, errors.VaultError)
        return kind(self.what, where=self.where, hint=self.hint)


class Answer(msgspec.Struct, frozen=True):
    """What every answer is: a failure, or a value of the kind that was asked for."""

    failure: Failure | None = None
    value: msgspec.Raw = msgspec.Raw(b"\xc0")


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
        raise errors.NotFoundError(
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
        raise errors.ConfigError("the passphrase is not UTF-8") from None
