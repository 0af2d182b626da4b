"""Owns what the vault agent can be asked, and the envelope of its answers (:mod:`~pandora_core.vault.agent.answers`).

No request holds a secret: these travel beside the words of a frame, in the order that each request names.
"""

from __future__ import annotations

from typing import Annotated, Self

import msgspec

from pandora_core import errors

AUTO_LOCK_S = 240.0
AUTO_LOCK_BOUNDS_S = (1.0, 86_400.0)
REQUEST_LIMIT_BYTES = 1024 * 1024

Purpose = Annotated[str, msgspec.Meta(max_length=200)]
"""What somebody wants an entry for; the audit trail keeps it."""

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
    purpose: Purpose = ""


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
    purpose: Purpose = ""


class Sign(Request, tag="sign", frozen=True):
    """A signature with the key of an entry, leased or of the unlocked vault; its seed is never given out."""

    name: str
    message: bytes
    context: bytes
    purpose: Purpose = ""


class Signer(Request, tag="signer", frozen=True):
    """The public key of an entry that signs."""

    name: str


class MakeSigner(Request, tag="make-signer", frozen=True):
    """Make a signing key inside of the agent, and keep it as an entry."""

    name: str
    algorithm: str
    note: str = ""


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
