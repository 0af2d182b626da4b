"""Owns the vault: the entries in a safe (``vault.db``), and what goes in and out of it as files."""

from __future__ import annotations

import builtins
import contextlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from pandora_core.errors import (
    OpenFailedError,
    RefusedError,
)
from pandora_core.vault.age.keys import AgeIdentity, PostQuantumIdentity
from pandora_core.vault.crypto.envelope import ID_BYTES
from pandora_core.vault.crypto.recipients import Identity, Recipient
from pandora_core.vault.crypto.secret import Secret, random_bytes
from pandora_core.vault.crypto.stream import Sink, Source
from pandora_core.vault.format import bundle, portable, sealed
from pandora_core.vault.format.bundle import Outgoing
from pandora_core.vault.format.rows import DEPOSITS_LIMIT
from pandora_core.vault.format.sealed import Destination, Note
from pandora_core.vault.format.views import (
    Actor,
    Changes,
    Custody,
    Draft,
    Entry,
    Imported,
    OpenedEntry,
)
from pandora_core.vault.storage import carrying, contents, deposits, evidence
from pandora_core.vault.storage.carrying import Incoming, Taken
from pandora_core.vault.storage.contents import checked_name
from pandora_core.vault.storage.private_files import check_folder, settle, spare_name
from pandora_core.vault.storage.rotation import RotatingSafe
from pandora_core.vault.storage.safe import Clock, now_ms

__all__ = ["Clock", "Vault", "now_ms"]


class Vault(RotatingSafe):
    """A vault that is open in this process; :class:`~pandora_core.vault.storage.safe.Safe` says how it is to be used.

    Files of any size stream outside of the lock: others work on, and may even lock the vault, meanwhile.
    """

    def put(self, draft: Draft, *, by: Actor) -> Entry:
        """A new entry, durable when this returns.

        Raises:
            RefusedError: there is an entry of that name.
            VaultFormatError: a name, kind or length is not allowed.
        """
        with self._change("put", draft.name, by) as change:
            meta = contents.meta_of(draft, change.at_ms)
            return self._contents.insert(change, self._unlocked(), meta, draft.fields)

    def get(self, name: str, *, by: Actor, version: int | None = None) -> OpenedEntry:
        """An entry with its values; audited together with other reads (:meth:`write_reads`).

        Raises:
            NotFoundError: no such entry or version.
            OpenFailedError: it was changed.
            TamperedError: its row is not the one that was signed.
        """
        with self._lock:
            opened = self._contents.open(self._unlocked(), name, version)
            try:
                if self._reads.note(by, opened.entry.name, self._clock()):
                    self._write_reads()
            except BaseException:
                opened.wipe()
                raise
            return opened

    def borrow(self, names: Sequence[str]) -> builtins.list[OpenedEntry]:
        """Entries with their values, not audited: who borrows them writes down what for (:meth:`note_all`).

        Raises:
            NotFoundError: there is none of a name; none is open then.
        """
        with self._lock, contextlib.ExitStack() as undo:
            keys = self._unlocked()
            opened = [undo.enter_context(self._contents.open(keys, name)) for name in names]
            undo.pop_all()
            return opened

    def list(self) -> builtins.list[Entry]:
        """Every entry in its newest version, by name; without the values."""
        with self._lock:
            return self._contents.all(self._unlocked())

    def find(self, words: str) -> builtins.list[Entry]:
        """Entries in whose name, kind, tags or note every one of the words occurs, whatever its case."""
        wanted = words.casefold().split()
        return [each for each in self.list() if contents.has_words(each.meta, wanted)]

    def history(self, name: str) -> builtins.list[Entry]:
        """Every version of an entry, newest first; without the values."""
        with self._lock:
            return self._contents.history(self._unlocked(), name)

    def edit(self, name: str, changes: Changes, *, by: Actor) -> Entry:
        """A new version of an entry; those before stay in its history.

        Raises:
            NotFoundError: no such entry, or a field to be removed is not there.
            RefusedError: there is another entry of the new name.
        """
        with self._change("edit", name, by) as change:
            return self._contents.edit(change, self._unlocked(), name, changes)

    def remove(self, name: str, *, by: Actor) -> None:
        """Take an entry away with all its versions; SQLite overwrites what it frees (``secure_delete``).

        Raises:
            NotFoundError: no such entry.
        """
        with self._change("remove", name, by) as change:
            self._contents.remove(change, self._unlocked(), name)

    def deposit(self, draft: Draft, *, by: Actor) -> None:
        """Leave an entry that only an unlock can read; works while locked, and is no part of what is signed.

        Raises:
            RefusedError: too many deposits wait already.
        """
        with self._lock:
            header, at_ms = self._ledger.header, self._clock()
            if self._database.deposit_count() >= DEPOSITS_LIMIT:
                raise RefusedError("too many deposits wait already", hint="unlock the vault, which takes them in")
            deposit = deposits.seal(self._provider, header, draft, by, at_ms)
            with self._database.transaction():
                self._database.put_deposit(random_bytes(ID_BYTES), deposit)

    def seal_file(
        self,
        source: Source,
        sink: Sink,
        *,
        name: str,
        by: Actor,
        media: str = "",
        recipients: Sequence[Recipient] = (),
    ) -> Custody:
        """Seal evidence of any size to this vault, and to others if wanted; works while locked.

        Custody goes to the audit trail, and an entry of kind ``file`` keeps it with the file's DEK; while locked both
        wait as a deposit. The sink's file is to be synced by the caller.
        """
        checked_name(f"{name} [00000000]")  # before gigabytes are read: the entry's name will be as long as this
        header, at_ms = self._ledger.header, self._clock()
        own = header.public.recipient
        to = Destination(header.profile, header.vault_id, (own, *(each for each in recipients if each != own)))
        note = Note(name=name, sealed_ms=at_ms, actor=by.name, host=by.host, media=media)
        done = evidence.seal(self._provider, to, note, source, sink)
        custody = Custody(
            name, done.file_id, done.size_bytes, done.sha384, done.sealed_sha384, at_ms, by.name, by.host, media
        )
        with done.dek, contextlib.ExitStack() as wiping:
            draft = evidence.custody_entry(custody, done.dek)
            for each in draft.fields:
                wiping.enter_context(each.value)
            self._keep_custody(custody, draft, by)
        return custody

    def open_file(self, source: Source, sink: Sink, *, by: Actor) -> Custody:
        """Open a sealed file. The caller keeps what is written back until this returns.

        Raises:
            VaultFormatError: not a sealed file.
            OpenFailedError: it is not sealed to this vault, or was changed or cut.
        """
        header = sealed.read_header(source)
        with self._lock:
            keys = self._unlocked()
            if header.label.vault_id != self._ledger.header.vault_id:
                raise OpenFailedError
            dek = portable.unwrap_any(self._provider, header, keys.identities())
        file_id = header.label.file_id
        with dek, sealed.OpenedFile(header, dek, source) as file:
            note = file.note
            self.note("open", note.name, by=by, file_id=file_id.hex())  # durable before a byte leaves
            done = evidence.copy_out(file, sink)
        self.note("opened", note.name, by=by, file_id=file_id.hex(), sha384=done.sha384, size_bytes=done.size_bytes)
        return Custody(
            note.name, file_id, done.size_bytes, done.sha384, "", note.sealed_ms, note.actor, note.host, note.media
        )

    def export(
        self,
        names: Sequence[str],
        recipients: Sequence[Recipient],
        sink: Sink,
        *,
        by: Actor,
        note: str = "",
        armored: bool = False,
        files: Sequence[Outgoing] = (),
    ) -> None:
        """Write entries, and files beside them, as a signed bundle to age recipients (``age1pq1…``).

        Raises:
            NotFoundError: no such entry.
            VaultFormatError: no recipient, or one of another kind.
        """
        with contextlib.ExitStack() as wiping:
            with self._lock:
                key, about = self._signing_key(wiping), self._about(by, note)
                members = [self._outgoing(name, wiping) for name in dict.fromkeys(names)]
            to = [str(each) for each in recipients]
            self.note("export", about.note, by=by, entries=list(names), files=[each.name for each in files], to=to)
            bundle.write(self._provider, key, about, [*members, *files], recipients, sink, armored=armored)

    def import_bundle(
        self,
        source: Source,
        *,
        by: Actor,
        trusted: Iterable[str] = (),
        identities: Sequence[AgeIdentity] = (),
        folder: Path | None = None,
    ) -> Imported:
        """Take in a bundle that is sealed to this vault's bundle recipient, or to one of ``identities``.

        ``trusted`` holds fingerprints of signers besides this vault itself (:class:`PublicInfo`). An entry of a name
        that is there becomes its newest version when it was changed later, else it is skipped. Files are written into
        ``folder``. Everything is taken in, or nothing.

        Raises:
            AgeError: it is sealed to somebody else, or was changed.
            UntrustedSignerError: signed by a key that is not trusted.
            TamperedError: a member is not what was signed.
        """
        own = self.public().signer_fingerprint
        accepted = {own, *trusted}
        with contextlib.ExitStack() as wiping:
            with self._lock:
                mine = [_copied(each, wiping) for each in self._unlocked().bundle_identities()]
            opening = [*(PostQuantumIdentity(self._provider, each) for each in mine), *identities]
            incoming = wiping.enter_context(
                Incoming.read(self._provider, source, opening, accepted.__contains__, folder)
            )
            signer = incoming.signer_fingerprint
            with self._change("import", signer, by, files=incoming.files) as change:
                keys, shelf = self._unlocked(), self._contents
                done = [(carrying.take(change, shelf, keys, each), each.meta.name) for each in incoming.parcels]
                incoming.keep_files()
        taken = {what: tuple(name for found, name in done if found == what) for what in Taken}
        return Imported(signer, taken[Taken.ADDED], taken[Taken.UPDATED], taken[Taken.SKIPPED], tuple(incoming.files))

    def backup(self, path: Path, *, by: Actor) -> None:
        """Write a whole copy to a new file in a private folder, and verify it.

        Raises:
            RefusedError: there is a file of that name.
        """
        part = spare_name(path)
        if os.path.lexists(path):
            raise RefusedError("there is a file of that name already", where=str(path))
        check_folder(path.parent)  # before the trail says that there is a backup
        with self._lock:
            if self.is_unlocked:
                self.note("backup", path.name, by=by)
            try:
                self._database.copy_to(part)
                type(self).open(part, provider=self._provider).close()
                settle(part, path, replace=False)
            finally:
                part.unlink(missing_ok=True)

    def _keep_custody(self, custody: Custody, draft: Draft, by: Actor) -> None:
        with self._lock:
            if not self.is_unlocked:
                self.deposit(draft, by=by)
                return
            details = {"file_id": custody.file_id.hex(), "size_bytes": custody.size_bytes, "sha384": custody.sha384}
            with self._change("seal", custody.name, by, sealed_sha384=custody.sealed_sha384, **details) as change:
                meta = contents.meta_of(draft, custody.at_ms)
                self._contents.insert(change, self._unlocked(), meta, draft.fields)

    def _signing_key(self, wiping: contextlib.ExitStack) -> bundle.SigningKey:
        """A copy, so that a bundle of any size is written while others work and even lock."""
        seed = wiping.enter_context(Secret.copy_of(self._unlocked().signing_seed.view))
        header = self._ledger.header
        return bundle.SigningKey(header.profile.signature, header.public.signer, seed)

    def _about(self, by: Actor, note: str) -> bundle.Manifest:
        header = self._ledger.header
        return bundle.Manifest(
            vault=header.vault_id.hex(),
            profile=header.profile.name,
            created_ms=self._clock(),
            actor=by.name,
            host=by.host,
            note=note,
        )

    def _outgoing(self, name: str, wiping: contextlib.ExitStack) -> Outgoing:
        with self._contents.open(self._unlocked(), name) as opened:
            content = portable.encode(opened.entry.meta, opened.fields)
        return carrying.outgoing(opened.entry.id, wiping.enter_context(content))


def _copied(identity: Identity, wiping: contextlib.ExitStack) -> Identity:
    return Identity(identity.suite, wiping.enter_context(Secret.copy_of(identity.seed.view)))
