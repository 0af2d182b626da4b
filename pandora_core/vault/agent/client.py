"""Owns how console, commands and engine use the vault: plain calls, answered by the vault agent.

It imports no cryptography. The agent is started when it is needed. What a call returns as a secret is the caller's to
wipe; what a caller gives as a secret stays the caller's to wipe.
"""

from __future__ import annotations

import getpass
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec

from pandora_core.vault.agent import connection, protocol
from pandora_core.vault.agent.answers import (
    AuditView,
    Check,
    Custody,
    EntryView,
    Field,
    ImportReport,
    Opened,
    RecipientsView,
    RekeyReport,
    Signed,
    SlotView,
    VaultStatus,
    VerifyReport,
    WitnessView,
)
from pandora_core.vault.agent.connection import LostAgentError, NoAgentError
from pandora_core.vault.agent.protocol import AUTO_LOCK_S, Changes, Draft, Keys, Request
from pandora_core.vault.crypto.secret import Secret

FILE_NAME = "vault.db"

Value = TypeVar("Value")


class Way(NamedTuple):
    """How a slot is opened or made: with what of these is given."""

    passphrase: Secret | None = None
    key_file: Secret | None = None
    """The 64 bytes of a key file."""
    identity: Secret | None = None
    """The text of an identity (``PANDORA-SECRET-KEY-…``)."""
    shares: tuple[Secret, ...] = ()
    """Recovery shares, each its words with a space between."""

    @property
    def keys(self) -> Keys:
        """What of it accompanies a request."""
        return Keys(
            self.passphrase is not None, self.key_file is not None, self.identity is not None, len(self.shares)
        )

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """All that is given, in the order of :class:`Keys`."""
        given = (self.passphrase, self.key_file, self.identity, *self.shares)
        return tuple(secret for secret in given if secret is not None)

    def wipe(self) -> None:
        for secret in self.secrets:
            secret.wipe()


class Member(NamedTuple):
    """An open file that goes into a bundle; it must be one that can be read twice."""

    name: str
    file: int
    media: str = ""


class Client:
    """The vault of a data folder. Every call may raise the errors of the tree under ``VaultError``.

    Calls are independent of each other and may come from any thread; each waits for its answer.
    """

    def __init__(self, data: Path, actor: str = "") -> None:
        self._data = data
        self._actor = actor or os.environ.get("SUDO_USER") or getpass.getuser()

    def status(self) -> VaultStatus:
        """What is true now; starts no agent."""
        try:
            return self._status()
        except LostAgentError:  # it was just leaving
            return self._status()

    def init(self, way: Way, profile: str = "high") -> VaultStatus:
        """Make the vault, with its first slot; it is unlocked afterwards."""
        return self._ask(protocol.Init(keys=way.keys, profile=profile), VaultStatus, way.secrets, wait_s=None)

    def unlock(self, way: Way, leases: Sequence[str] = (), lock_after_s: float = AUTO_LOCK_S) -> VaultStatus:
        """Unlock, and lease the entries named; it takes about a second, without keeping other clients waiting.

        Raises:
            OpenFailedError: the passphrase, key file, identity or shares open no slot.
            NotFoundError: an entry to be leased is not there (the vault is unlocked all the same).
        """
        request = protocol.Unlock(keys=way.keys, leases=tuple(leases), lock_after_s=lock_after_s)
        return self._ask(request, VaultStatus, way.secrets, wait_s=None)

    def lock(self, *, end_leases: bool = False) -> VaultStatus:
        """Lock; leases stay unless they are ended too."""
        try:
            return self._ask(protocol.Lock(all=end_leases), VaultStatus, start=False)
        except NoAgentError:
            return self.status()

    def lease(self, names: Sequence[str], purpose: str = "") -> VaultStatus:
        """Keep entries readable after the vault is locked; each is a record of the audit trail, with the purpose."""
        return self._ask(protocol.Lease(names=tuple(names), purpose=purpose), VaultStatus)

    def release(self, names: Sequence[str]) -> VaultStatus:
        """End leases."""
        return self._ask(protocol.Release(names=tuple(names)), VaultStatus)

    def entries(self) -> list[EntryView]:
        """All entries, by name, without their values."""
        return self._ask(protocol.List(), list[EntryView])

    def get(self, name: str, version: int | None = None) -> Opened:
        """An entry with its values. It is written to the audit trail."""
        return self._open(protocol.Get(name=name, version=version))

    def token(self, name: str, purpose: str = "") -> Secret:
        """The main secret of an entry, from a lease or the unlocked vault; the audit trail keeps the purpose.

        Raises:
            VaultLockedError: it is locked, and there is no such lease.
            RefusedError: it is a signing key, which signs in the agent: :meth:`sign`.
        """
        with self._open(protocol.Token(name=name, purpose=purpose)) as opened:
            return Secret.copy_of(opened.value().view)

    def sign(self, name: str, message: bytes, context: bytes, purpose: str = "") -> Signed:
        """Sign with the ML-DSA key of an entry, in the agent; from a lease or the unlocked vault, and audited.

        Raises:
            VaultLockedError: it is locked, and there is no such lease.
            RefusedError: the entry holds no signing key.
            VaultFormatError: a context that is empty, over 255 bytes or the vault's own; over 512 KiB to be signed.
        """
        return self._ask(protocol.Sign(name=name, message=message, context=context, purpose=purpose), Signed)

    def signer(self, name: str) -> Signed:
        """The public key of an entry that signs; raises as :meth:`sign`."""
        return self._ask(protocol.Signer(name=name), Signed)

    def make_signer(self, name: str, algorithm: str = "ML-DSA-87", note: str = "") -> Signed:
        """Make a signing key in the agent, confirmed by every provider there is, and keep it as an entry.

        Raises:
            RefusedError: there is an entry of that name.
        """
        return self._ask(protocol.MakeSigner(name=name, algorithm=algorithm, note=note), Signed, wait_s=None)

    def put(self, draft: Draft, fields: Sequence[Field]) -> EntryView:
        """Add an entry; ``draft.fields`` is set from ``fields``.

        Raises:
            RefusedError: there is one of that name.
        """
        named = msgspec.structs.replace(draft, fields=tuple(field.name for field in fields))
        return self._ask(protocol.Put(draft=named), EntryView, [field.value for field in fields])

    def edit(self, name: str, changes: Changes, fields: Sequence[Field] = ()) -> EntryView:
        """Write a new version; ``changes.set`` is set from ``fields``. To rotate is to set a new value."""
        named = msgspec.structs.replace(changes, set=tuple(field.name for field in fields))
        return self._ask(protocol.Edit(name=name, changes=named), EntryView, [field.value for field in fields])

    def remove(self, name: str) -> None:
        """Take an entry away, with all its versions."""
        self._ask(protocol.Remove(name=name), type(None))

    def history(self, name: str) -> list[EntryView]:
        """All versions of an entry, newest first."""
        return self._ask(protocol.History(name=name), list[EntryView])

    def rekey(self, what: str, ways: Sequence[Way] = ()) -> RekeyReport:
        """New keys: ``epoch`` (every DEK wrapped anew), ``signing``, or ``master``.

        For ``master`` give the passphrases and key files of the slots that are to stay; others of these are removed.
        """
        request = protocol.Rekey(what=what, ways=tuple(way.keys for way in ways))
        return self._ask(request, RekeyReport, [secret for way in ways for secret in way.secrets], wait_s=None)

    def slots(self) -> list[SlotView]:
        """The ways in."""
        return self._ask(protocol.Slots(), list[SlotView])

    def add_slot(self, label: str, way: Way) -> SlotView:
        """A way in by passphrase, key file or both."""
        return self._ask(protocol.SlotAdd(label=label, keys=way.keys), SlotView, way.secrets, wait_s=None)

    def add_recipient_slot(self, label: str, recipient: str) -> SlotView:
        """A way in for who holds the identity of a recipient of the vault's profile."""
        return self._ask(protocol.SlotAdd(label=label, recipient=recipient), SlotView)

    def add_shares_slot(self, label: str, threshold: int, shares: int) -> tuple[SlotView, tuple[Secret, ...]]:
        """A way in by recovery shares; their words are to be written down, then wiped."""
        request = protocol.SlotAdd(label=label, shares=(threshold, shares))
        value, words = self._exchange(request, SlotView)
        return value, words

    def remove_slot(self, slot: str) -> None:
        """Close a way in, by its id. Rekey ``master`` if somebody may have kept the key."""
        self._ask(protocol.SlotRemove(slot=slot), type(None))

    def recipients(self) -> RecipientsView:
        """The vault's public keys; it may be locked."""
        return self._ask(protocol.Recipients(), RecipientsView)

    def seal(self, source: int, sink: int, name: str, *, media: str = "", to: Sequence[str] = ()) -> Custody:
        """Seal an open file into another, to the vault and to more recipients; the vault may be locked."""
        request = protocol.Seal(name=name, media=media, recipients=tuple(to))
        return self._ask(request, Custody, files=(source, sink), wait_s=None)

    def open(self, source: int, sink: int) -> Custody:
        """Open a sealed file into another; if it fails, what was written is to be thrown away."""
        return self._ask(protocol.Open(), Custody, files=(source, sink), wait_s=None)

    def deposit(self, draft: Draft, fields: Sequence[Field]) -> None:
        """Leave an entry in a vault that may be locked; it is taken in at the next unlock."""
        named = msgspec.structs.replace(draft, fields=tuple(field.name for field in fields))
        self._ask(protocol.Deposit(draft=named), type(None), [field.value for field in fields])

    def export(
        self,
        sink: int,
        names: Sequence[str],
        to: Sequence[str],
        *,
        note: str = "",
        armored: bool = False,
        members: Sequence[Member] = (),
    ) -> None:
        """Write entries, and open files beside them, as a signed bundle for recipients (``age1pq…``)."""
        request = protocol.Export(
            names=tuple(names),
            recipients=tuple(to),
            members=tuple((each.name, each.media) for each in members),
            note=note,
            armored=armored,
        )
        self._ask(request, type(None), files=(sink, *(each.file for each in members)), wait_s=None)

    def import_(self, source: int, trusted: Sequence[str] = (), folder: Path | None = None) -> ImportReport:
        """Take a bundle in whose signer is this vault or has one of these fingerprints; its files go to ``folder``.

        Raises:
            UntrustedSignerError: it is signed well, by somebody else; the message has the fingerprint.
        """
        where = str(folder.absolute()) if folder else ""
        return self._ask(
            protocol.Import(trusted=tuple(trusted), folder=where), ImportReport, files=(source,), wait_s=None
        )

    def verify(self, witness: str = "") -> VerifyReport:
        """Check everything that is signed, and with a witness also that it is not older than that."""
        return self._ask(protocol.Verify(witness=witness), VerifyReport, wait_s=None)

    def audit(self, limit: int = 200) -> list[AuditView]:
        """The newest records of the audit trail, newest first."""
        return self._ask(protocol.Audit(limit=limit), list[AuditView])

    def witness(self) -> WitnessView:
        """The present head, to be kept outside of the file."""
        return self._ask(protocol.Witness(), WitnessView)

    def backup(self, path: Path) -> int:
        """Copy the vault to a new file, sealed as it is; its size in bytes."""
        return self._ask(protocol.Backup(path=str(path.absolute())), int, wait_s=None)

    def selftest(self) -> list[Check]:
        """Run the known answers of every provider, and let them check each other."""
        return self._ask(protocol.Selftest(), list[Check], wait_s=None)

    def stop(self) -> bool:
        """Let the agent lock, end its leases and leave; false if none ran."""
        try:
            self._ask(protocol.Stop(), type(None), start=False)
        except NoAgentError:
            return False
        connection.wait_until_gone(self._data)
        return True

    def _status(self) -> VaultStatus:
        try:
            return self._ask(protocol.Status(), VaultStatus, start=False)
        except NoAgentError:
            return VaultStatus(state="locked" if (self._data / FILE_NAME).exists() else "absent")

    def _open(self, request: Request) -> Opened:
        entry, secrets = self._exchange(request, EntryView)
        return Opened(entry, tuple(map(Field, entry.fields, secrets)))

    def _ask(self, request: Request, kind: type[Value], secrets: Sequence[Secret] = (), **options: Any) -> Value:
        value, answered = self._exchange(request, kind, secrets, **options)
        for secret in answered:
            secret.wipe()
        return value

    def _exchange(
        self, request: Request, kind: type[Value], secrets: Sequence[Secret] = (), **options: Any
    ) -> tuple[Value, tuple[Secret, ...]]:
        named = msgspec.structs.replace(request, actor=self._actor)
        return connection.exchange(self._data, named, kind, secrets, **options)
