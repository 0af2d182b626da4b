"""Owns the vault of an agent over time: opened once, unlocked, in use, locked when that is due; and its leases."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from pandora_core.errors import NotFoundError, PandoraError, RefusedError, VaultFormatError, VaultLockedError
from pandora_core.vault import desk_views, providers
from pandora_core.vault.answers import EntryView, VaultStatus
from pandora_core.vault.database import FILE_NAME
from pandora_core.vault.hardening import Hardening
from pandora_core.vault.leases import LEASES_LIMIT, Leases
from pandora_core.vault.profiles import profile_by_name
from pandora_core.vault.protocol import AUTO_LOCK_BOUNDS_S, AUTO_LOCK_S
from pandora_core.vault.secret import Secret, protection
from pandora_core.vault.slots import Credentials
from pandora_core.vault.unlocking import Way
from pandora_core.vault.vault import Vault, now_ms
from pandora_core.vault.views import Actor, Unlocked


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

    def lease(self, names: Sequence[str], by: Actor) -> None:
        """Keep entries readable after it is locked.

        Raises:
            NotFoundError: there is none of a name; nothing was leased.
            RefusedError: they would be too many.
        """
        if len(self.leases) + len(names) > LEASES_LIMIT:
            raise RefusedError(f"at most {LEASES_LIMIT} entries are leased", hint="pandora vault lock --all")
        vault = self.unlocked()
        with contextlib.ExitStack() as undo:
            opened = [undo.enter_context(vault.get(name, by=by)) for name in names]
            for each in opened:
                vault.note("lease", each.entry.name, by=by)
            undo.pop_all()
        for each in opened:
            self.leases.grant(desk_views.entry(each.entry), desk_views.named(each.fields), now_ms())

    def renew(self, name: str, by: Actor) -> None:
        """Give a lease the values that its entry has now."""
        if name in self.leases:
            opened = self.unlocked().get(name, by=by)
            self.leases.grant(desk_views.entry(opened.entry), desk_views.named(opened.fields), now_ms())

    def token(self, name: str, by: Actor) -> tuple[EntryView, tuple[Secret, ...]]:
        """An entry from its lease, else from the unlocked vault.

        Raises:
            VaultLockedError: it is not leased, and the vault is locked.
        """
        leased = self.leases.copy(name)
        if leased is not None:
            return leased
        opened = self.unlocked().get(name, by=by)
        return desk_views.entry(opened.entry), tuple(field.value for field in opened.fields)

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
