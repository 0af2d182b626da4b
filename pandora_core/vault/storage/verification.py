"""Owns the whole check of a vault: its structure, every signature and chain, and every entry while it is unlocked."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pandora_core.errors import PandoraError, TamperedError
from pandora_core.vault.crypto.providers import Provider
from pandora_core.vault.format import audit
from pandora_core.vault.format.handover import Handover, Signatures
from pandora_core.vault.format.keys import Keys
from pandora_core.vault.format.manifest import Head, Manifest, signer_digest
from pandora_core.vault.format.witness import Witness
from pandora_core.vault.storage.contents import Contents
from pandora_core.vault.storage.database import Database
from pandora_core.vault.storage.ledger import Ledger

_EVERYTHING = (1 << 63) - 1


class Inspection:
    """One reading of the file beside what is known of it in memory."""

    def __init__(self, database: Database, ledger: Ledger, provider: Provider) -> None:
        self._database = database
        self._ledger = ledger
        self._provider = provider

    def problems(self, keys: Keys | None, contents: Contents, witness: Witness | None) -> list[str]:
        """What is wrong, in words; nothing when all is well. With keys, everything is opened too."""
        checks: list[Callable[[], object]] = [
            self._database.check_structure,
            self._check_state,
            lambda: list(self._manifests()),
            self._check_trail,
            self._check_handovers,
        ]
        if keys is not None:
            checks += [lambda: contents.check(keys), lambda: self._open_trail(keys)]
        if witness is not None:
            checks.append(lambda: witness.compare(self._manifests()))
        found = [_problem(check) for check in checks]
        return list(dict.fromkeys(each for each in found if each))

    def _check_state(self) -> None:
        """What the file says now is what was verified, or committed, by this process."""
        fresh, known = Ledger.load(self._database, self._provider), self._ledger
        if (fresh.header, fresh.manifest) != (known.header, known.manifest):
            raise TamperedError("the file was replaced while it was open")
        if fresh.audit != known.audit:
            raise TamperedError("the audit trail was cut or went on while the file was open")

    def _manifests(self) -> Iterator[Manifest]:
        """Every manifest, its chain checked up to the signed one; it may begin later than the vault did."""
        previous: Manifest | None = None
        for row in self._database.manifests():
            manifest = Manifest.decode(row.body)
            if manifest.number != row.number or manifest.vault_id != self._ledger.header.vault_id:
                raise TamperedError(f"manifest {row.number} is of another commit or vault")
            if previous is not None or manifest.number == 1:
                manifest.check_follows(previous)
            previous = manifest
            yield manifest
        if previous != self._ledger.manifest:
            raise TamperedError("the chain of manifests does not end in the newest one")

    def _check_trail(self) -> None:
        """The whole trail, and in it the head that each manifest names."""
        start = audit.start(self._ledger.header.vault_id)
        hashes = {start.sequence: start.hash}
        head = start
        for record in self._database.audit(0, _EVERYTHING):
            head = audit.follow(head, [record])
            hashes[head.sequence] = head.hash
        if head != self._ledger.audit:
            raise TamperedError(f"the audit trail is cut after record {head.sequence}")
        for manifest in self._manifests():
            if hashes.get(manifest.audit.sequence) != manifest.audit.hash:
                raise TamperedError(f"the audit trail is not the one of commit {manifest.number}")

    def _open_trail(self, keys: Keys) -> None:
        """Every record was sealed by who had the audit key."""
        header = self._ledger.header
        head: Head = audit.start(header.vault_id)
        for record in self._database.audit(0, _EVERYTHING):
            key = keys.keyring.audit_key(record.epoch)
            audit.open_record(key, header.profile, header.vault_id, head.hash, record)
            head = Head(record.sequence, record.hash)

    def _check_handovers(self) -> None:
        """Each signing key was handed over by the one before, and the manifests say the same."""
        signers = {manifest.number: manifest.signer for manifest in self._manifests()}
        rows = list(self._database.handovers())
        present = self._ledger.header.public.signer
        keys = [*(row.old for row in rows), present]
        for row, old, new in zip(rows, keys, keys[1:], strict=False):
            handover = Handover.decode(row.body)
            handover.verify(self._provider, old, new, Signatures(row.old_signature, row.new_signature))
            if handover.number != row.number or signers.get(row.number, handover.new) != handover.new:
                raise TamperedError(f"the handover of commit {row.number} is not that of the manifests")
        known = {signer_digest(key) for key in keys}
        changes = sum(signers[n] != signers.get(n - 1, signers[n]) for n in signers)
        if not set(signers.values()) <= known or changes > len(rows):
            raise TamperedError("a signing key was changed without a handover")


def _problem(check: Callable[[], object]) -> str:
    try:
        check()
    except PandoraError as error:
        return error.what
    return ""
