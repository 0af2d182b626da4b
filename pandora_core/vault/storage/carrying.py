"""Owns what crosses the air gap: entries and files on their way into a bundle, and out of one (format §10)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from enum import Enum, auto
from pathlib import Path
from types import TracebackType
from typing import Self

from pandora_core.errors import RefusedError, VaultFormatError
from pandora_core.vault.age.keys import AgeIdentity
from pandora_core.vault.crypto.providers import Provider
from pandora_core.vault.crypto.secret import Secret
from pandora_core.vault.crypto.stream import CHUNK_BYTES, Source
from pandora_core.vault.format import bundle, portable
from pandora_core.vault.format.bundle import Member, MemberSource, Outgoing
from pandora_core.vault.format.keys import Keys
from pandora_core.vault.format.manifest import signer_digest
from pandora_core.vault.format.portable import Parcel, SecretSource
from pandora_core.vault.storage.contents import Contents
from pandora_core.vault.storage.ledger import Change
from pandora_core.vault.storage.private_files import NewFile, check_folder

ENTRIES_LIMIT_BYTES = 256 * 1024 * 1024
"""All entries of a bundle together, since they are held until the last byte was checked."""


def outgoing(entry_id: bytes, content: Secret) -> Outgoing:
    """An entry as a member; ``content`` is of :func:`portable.encode`."""
    return Outgoing(f"{entry_id.hex()}.entry", portable.MEDIA, lambda: SecretSource(content))


class Taken(Enum):
    """What became of an entry of a bundle."""

    ADDED = auto()
    UPDATED = auto()
    SKIPPED = auto()


def take(change: Change, shelf: Contents, keys: Keys, parcel: Parcel) -> Taken:
    """Make an entry of one that was carried in, or a newer version of what is there under its name.

    Raises:
        VaultFormatError: its name, kind or hidden fields are not allowed.
    """
    meta = parcel.meta
    if not shelf.has(keys, meta.name):
        shelf.insert(change, keys, meta, parcel.fields)
        return Taken.ADDED
    with shelf.open(keys, meta.name) as present:
        if meta.changed_ms <= present.entry.meta.changed_ms:
            return Taken.SKIPPED
        shelf.add_version(change, keys, present.entry, meta, parcel.fields)
        return Taken.UPDATED


class Incoming:
    """A bundle that was read to its end and found whole; leave it as a context to wipe what it holds.

    Files appear in their folder only with :meth:`keep_files`.
    """

    def __init__(self) -> None:
        self.parcels: list[Parcel] = []
        self.files: list[str] = []
        self.signer_fingerprint = ""
        self._undo = ExitStack()
        self._settled = ExitStack()

    @classmethod
    def read(
        cls,
        provider: Provider,
        source: Source,
        identities: Iterable[AgeIdentity],
        is_trusted: Callable[[str], bool],
        folder: Path | None,
    ) -> Self:
        """Read a bundle; ``is_trusted`` is asked about the signer's fingerprint.

        Raises:
            AgeError: it is sealed to somebody else, or was changed.
            UntrustedSignerError: the signer is not trusted.
            TamperedError: a member is not what was signed.
            RefusedError: there are files in it and no folder for them, or one of that name is there.
            VaultFormatError: not a bundle, or out of bounds.
        """
        incoming = cls()
        try:
            reader = bundle.Reader(provider, source, identities, lambda key: is_trusted(signer_digest(key).hex()))
            incoming._undo.callback(reader.wipe)
            incoming.signer_fingerprint = signer_digest(reader.signer).hex()
            incoming._check_size(reader.manifest.members)
            for member, data in reader.members():
                incoming._take(member, data, folder)
        except BaseException as error:
            incoming.__exit__(type(error), error, None)
            raise
        return incoming

    def keep_files(self) -> None:
        """Give the files their names."""
        self._settled.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        with self._undo:
            self._settled.__exit__(kind or RefusedError, None, None)

    def _check_size(self, members: Iterable[Member]) -> None:
        entries = sum(member.size for member in members if member.media == portable.MEDIA)
        if entries > ENTRIES_LIMIT_BYTES:
            raise VaultFormatError("the entries of the bundle have over 256 MiB", hint="ask for several bundles")

    def _take(self, member: Member, data: MemberSource, folder: Path | None) -> None:
        if member.media == portable.MEDIA:
            self.parcels.append(self._undo.enter_context(portable.read(data, member.size)))
            return
        if folder is None:
            raise RefusedError(
                f"the bundle holds a file, {member.name!r}", hint="name a private folder for its files: --into DIR"
            )
        check_folder(folder)
        file = self._settled.enter_context(NewFile(folder / member.name))
        with Secret(CHUNK_BYTES) as buffer:
            while count := data.readinto(buffer.view):
                file.write(buffer.view[:count])
        self.files.append(member.name)
