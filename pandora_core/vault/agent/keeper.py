"""Owns the vault of an agent over time: opened once, unlocked, in use, locked when that is due; and its leases."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from hashlib import sha384
from pathlib import Path
from typing import NamedTuple

import msgspec

from pandora_core.errors import NotFoundError, PandoraError, RefusedError, VaultFormatError, VaultLockedError
from pandora_core.vault.agent import desk_views, signers
from pandora_core.vault.agent.answers import EntryView, Signed, VaultStatus
from pandora_core.vault.agent.hardening import Hardening
from pandora_core.vault.agent.leases import LEASES_LIMIT, Leases
from pandora_core.vault.agent.protocol import AUTO_LOCK_BOUNDS_S, AUTO_LOCK_S
from pandora_core.vault.crypto import providers
from pandora_core.vault.crypto.profiles import profile_by_name
from pandora_core.vault.crypto.secret import Secret, protection
from pandora_core.vault.format.entry import Field
from pandora_core.vault.format.slots import Credentials
from pandora_core.vault.format.unlocking import Way
from pandora_core.vault.format.views import Actor, Unlocked
from pandora_core.vault.storage.database import FILE_NAME
from pandora_core.vault.storage.uses import LateUses, Use
from pandora_core.vault.storage.vault import Vault, now_ms


class _Found(NamedTuple):
    entry: EntryView
    secrets: tuple[Secret, ...]
    source: str
    """``lease`` or ``vault``."""


class Keeper:
    """Holds the one ``Vault``; every method may be called from any thread."""

    def __init__(self, data: Path, hardening: Hardening, passed_s: Callable[[], float]) -> None:
        self._path = data / FILE_NAME
        self._hardening = hardening
        self._passed_s = passed_s
        self._opening = threading.Lock()
        self._unlocking = threading.Lock()
        self._making = threading.Lock()
        self._vault: Vault | None = None
        self._found: Unlocked | None = None
        self._used_s = passed_s()
        self._lock_after_s = AUTO_LOCK_S
        self._late = LateUses()
        self.leases = Leases()

    def vault(self) -> Vault:
        """The vault, locked or not.

        Raises:
            NotFoundError: there is none yet.
            VaultError: it is damaged, or not to be trusted.
        """
        with self._opening:
            if self._vault is None:
                # One that is being made is opened by who makes it.
                if self._making.locked() or not os.path.lexists(self._path):
                    raise NotFoundError("there is no vault yet", where=str(self._path), hint="pandora vault init")
                self._vault = Vault.open(self._path, provider=providers.choose())
            return self._vault

    def unlocked(self) -> Vault:
        """The vault for a request that needs it unlocked; the time until it locks itself starts anew.

        Raises:
            VaultLockedError: it is locked.
        """
        vault = self.vault()
        if not vault.is_unlocked:
            raise VaultLockedError("the vault is locked", hint="pandora vault unlock")
        self.touch()
        return vault

    def touch(self) -> None:
        """It is in use: the time until it locks itself starts anew."""
        self._used_s = self._passed_s()

    def create(self, credentials: Credentials, profile: str, by: Actor) -> None:
        """Make the vault, unlocked.

        Raises:
            RefusedError: there is one.
        """
        with self._making:
            with self._opening:
                if self._vault is not None or os.path.lexists(self._path):
                    raise RefusedError("there is a vault already", where=str(self._path))
            # Argon2id takes a second, in which others are told that there is none yet.
            made = Vault.create(
                self._path, credentials, by=by, profile=profile_by_name(profile), provider=providers.choose()
            )
            with self._opening:
                self._vault = made
        self.touch()

    def unlock(self, way: Way, lock_after_s: float, by: Actor) -> None:
        """Unlock; one at a time, since each takes the memory that Argon2id asks for.

        Raises:
            OpenFailedError: no slot opens.
            VaultFormatError: the time until it locks itself is out of bounds.
        """
        low_s, high_s = AUTO_LOCK_BOUNDS_S
        if not low_s <= lock_after_s <= high_s:
            raise VaultFormatError(f"a vault locks itself after {low_s:.0f} to {high_s:.0f} s")
        vault = self.vault()
        with self._unlocking:
            self._found = vault.unlock(way, by=by)
            self._lock_after_s = lock_after_s
            self.touch()
        self._write_late()

    def lock(self, why: str, by: Actor | None = None) -> None:
        """Lock; leases stay."""
        if self._vault is not None:
            self._vault.lock(by=by or Actor.present(), why=why)

    def keep_time(self) -> None:
        """What is to be done every second or so: write the reads down, and lock when nobody used it for long."""
        if self._vault is None or not self._vault.is_unlocked:
            return
        if self._passed_s() - self._used_s > self._lock_after_s:
            self.lock("unused")
        else:
            self._vault.write_reads()
            self._write_late()

    def lease(self, names: Sequence[str], purpose: str, by: Actor) -> None:
        """Keep entries readable after it is locked.

        Raises:
            NotFoundError: there is none of a name; nothing was leased.
            RefusedError: they would be too many.
        """
        if len(self.leases) + len(names) > LEASES_LIMIT:
            raise RefusedError(f"at most {LEASES_LIMIT} entries are leased", hint="pandora vault lock --all")
        self._grant(names, purpose, by)

    def renew(self, name: str, by: Actor) -> None:
        """Give a lease the values that its entry has now."""
        if name in self.leases:
            self._grant([name], "the lease goes on with the new value", by)

    def release(self, names: Sequence[str] | None, by: Actor) -> None:
        """End these leases, or all; those that are not there are not missed."""
        held = [lease.name for lease in self.leases.views() if names is None or lease.name in names]
        self.leases.end(held)
        if held:
            self._write([Use("release", name, by, {}) for name in held])

    def token(self, name: str, purpose: str, by: Actor) -> tuple[EntryView, tuple[Secret, ...]]:
        """An entry from its lease, else from the unlocked vault; one record of the audit trail tells of it.

        Raises:
            VaultLockedError: it is not leased, and the vault is locked.
            RefusedError: it is a signing key.
        """
        with contextlib.ExitStack() as undo:
            found = self._find(name, undo)
            if signers.is_signing(found.entry.kind, found.entry.fields):
                raise RefusedError(
                    f"{name!r} is a signing key: it signs in the agent, and its seed is not given out",
                    hint="pandora vault get --field seed shows it to you",
                )
            self._write([Use("use", name, by, {"purpose": purpose, "from": found.source})])
            undo.pop_all()
        return found.entry, found.secrets

    def sign(self, name: str, message: bytes, context: bytes, purpose: str, by: Actor) -> Signed:
        """Sign with the key of an entry, leased or of the unlocked vault; the seed stays here.

        Raises:
            VaultLockedError: it is not leased, and the vault is locked.
            RefusedError: it is no signing key.
            VaultFormatError: the context is not allowed, or the message too long.
        """
        signers.check(message, context)
        with contextlib.ExitStack() as wiping:
            found = self._find(name, wiping)
            key = signers.read(name, found.entry.kind, tuple(map(Field, found.entry.fields, found.secrets)))
            signature = signers.sign(providers.choose(), key, message, context)
        told = {"context": context.decode("ascii", "backslashreplace"), "sha384": sha384(message).hexdigest()}
        self._write([Use("sign", name, by, {"purpose": purpose, "from": found.source, **told})])
        return Signed(algorithm=key.algorithm, public_key=key.public_key, signature=signature)

    def signer(self, name: str) -> Signed:
        """The public key of a signing key, without a signature; raises as :meth:`sign`."""
        with contextlib.ExitStack() as wiping:
            found = self._find(name, wiping)
            key = signers.read(name, found.entry.kind, tuple(map(Field, found.entry.fields, found.secrets)))
        return Signed(algorithm=key.algorithm, public_key=key.public_key)

    def make_signer(self, name: str, algorithm: str, note: str, by: Actor) -> Signed:
        """Make a signing key and keep it as an entry.

        Raises:
            RefusedError: there is an entry of that name.
        """
        vault = self.unlocked()
        with signers.draft(vault.provider, name, algorithm, note) as draft:
            vault.put(draft, by=by)
        return self.signer(name)

    def _find(self, name: str, wiping: contextlib.ExitStack) -> _Found:
        """An entry's values from its lease, else from the unlocked vault."""
        leased = self.leases.copy(name)
        if leased is not None:
            found = _Found(*leased, "lease")
        else:
            (opened,) = self.unlocked().borrow([name])
            found = _Found(desk_views.entry(opened.entry), tuple(field.value for field in opened.fields), "vault")
        for secret in found.secrets:
            wiping.callback(secret.wipe)
        return found

    def _grant(self, names: Sequence[str], purpose: str, by: Actor) -> None:
        vault = self.unlocked()
        with contextlib.ExitStack() as undo:
            opened = vault.borrow(names)
            for each in opened:
                undo.enter_context(each)
            vault.note_all([Use("lease", name, by, {"purpose": purpose}) for name in names])
            undo.pop_all()
        for each in opened:
            self.leases.grant(desk_views.entry(each.entry), desk_views.named(each.fields), now_ms())

    def _write(self, uses: list[Use]) -> None:
        """Put them into the audit trail; those of a locked vault wait for the next unlock."""
        try:
            self.vault().note_all(uses)
        except VaultLockedError:
            for use in uses:
                self._late.keep(use, now_ms())

    def _write_late(self) -> None:
        uses = self._late.take()
        try:
            if uses:
                self.vault().note_all(uses)
        except BaseException:
            self._late.put_back(uses)
            raise

    @property
    def is_needed(self) -> bool:
        """Whether leaving would end something: it is unlocked, unlocking, being made or leased."""
        is_unlocked = self._vault is not None and self._vault.is_unlocked
        return bool(is_unlocked or len(self.leases) or self._unlocking.locked() or self._making.locked())

    def close(self) -> None:
        """End the leases, lock, and let go of the file."""
        self.leases.end_all()
        with self._opening, contextlib.ExitStack() as last:
            if self._vault is not None:
                last.callback(self._vault.close)
                self.lock("agent ends")

    def status(self) -> VaultStatus:
        """What is true now. A vault that cannot be opened counts as locked, and its integrity says why."""
        granted = VaultStatus(
            state="locked",
            agent_pid=os.getpid(),
            leases=self.leases.views(),
            memory_locked=protection().locked,
            no_core_dumps=self._hardening.no_core_dumps,
            no_tracing=self._hardening.no_tracing,
        )
        try:
            vault = self.vault()
        except NotFoundError:
            return msgspec.structs.replace(granted, state="absent")
        except PandoraError as error:
            return msgspec.structs.replace(granted, integrity=f"broken: {error}")
        return self._describe(granted, vault)

    def _describe(self, granted: VaultStatus, vault: Vault) -> VaultStatus:
        now = vault.status()
        state = "unlocked" if now.is_unlocked else "unlocking" if self._unlocking.locked() else "locked"
        left_s = self._lock_after_s - (self._passed_s() - self._used_s)
        return msgspec.structs.replace(
            granted,
            state=state,
            vault_id=now.vault_id.hex(),
            profile=now.profile,
            provider=now.provider,
            epoch=now.epoch,
            generation=now.generation,
            entries=now.entries,
            slots=now.slots,
            deposits=now.deposits,
            commit=now.commit,
            audit_records=now.audit_records,
            integrity="verified",
            freshness=now.freshness,
            locks_in_s=max(left_s, 0.0) if now.is_unlocked else None,
            taken_in=self._found.taken_in if self._found else (),
            refused_deposits=self._found.refused_deposits if self._found else 0,
        )
