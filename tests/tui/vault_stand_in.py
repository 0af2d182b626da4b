"""A vault agent's client that keeps everything in memory, for tests of the screen; the answers are the real kinds."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence

import msgspec

from pandora_core.errors import NotFoundError, OpenFailedError, VaultLockedError
from pandora_core.vault.agent.answers import (
    AuditView,
    Custody,
    EntryView,
    Field,
    Opened,
    RecipientsView,
    SlotView,
    VaultStatus,
    VerifyReport,
)
from pandora_core.vault.agent.client import Way
from pandora_core.vault.agent.protocol import Changes, Draft
from pandora_core.vault.crypto.secret import Secret

PASSPHRASE = "correct horse battery"
AT_MS = 1_774_619_580_000
CANARY = "tok-CANARY-7f3a"


class VaultStandIn:
    """Three entries behind one passphrase; ``hold`` keeps the next unlock waiting until it is set."""

    def __init__(self, *, state: str = "locked") -> None:
        self.state = state
        self.asked: list[str] = []
        self.hold = threading.Event()
        self.hold.set()
        self.report = VerifyReport(sound=True, integrity="verified", freshness="unknown", commit=9, audit_records=2)
        self.sealed = b""
        self._values: dict[str, dict[str, bytes]] = {}
        self._entries: dict[str, EntryView] = {}
        if state != "absent":
            self._fill()

    def status(self) -> VaultStatus:
        if self.state == "absent":
            return VaultStatus(state="absent")
        is_open = self.state == "unlocked"
        return VaultStatus(
            state=self.state, agent_pid=7, profile="high", provider="pyca", slots=2,
            entries=len(self._entries) if is_open else 0, deposits=0 if is_open else 1,
            integrity="verified", freshness="unknown", locks_in_s=200.0 if is_open else None,
            memory_locked=True, no_core_dumps=True, no_tracing=True,
        )  # fmt: skip

    def init(self, way: Way, profile: str = "high") -> VaultStatus:
        self.asked.append(f"init {profile}")
        self.state = "unlocked"
        return self.status()

    def unlock(self, way: Way) -> VaultStatus:
        self.hold.wait(20)
        if way.passphrase is None or way.passphrase.reveal() != PASSPHRASE.encode():
            raise OpenFailedError("the passphrase opens no slot")
        self.state = "unlocked"
        return self.status()

    def lock(self, *, end_leases: bool = False) -> VaultStatus:
        self.state = "locked"
        return self.status()

    def entries(self) -> list[EntryView]:
        self._check()
        return sorted(self._entries.values(), key=lambda entry: entry.name)

    def get(self, name: str, version: int | None = None) -> Opened:
        self._check()
        self.asked.append(f"get {name}")
        values = self._values[name]
        return Opened(self._entries[name], tuple(Field(n, Secret.copy_of(v)) for n, v in values.items()))

    def put(self, draft: Draft, fields: Sequence[Field]) -> EntryView:
        self._check()
        self._values[draft.name] = {field.name: field.value.reveal() for field in fields}
        return self._add(draft.name, draft.kind, draft.tags, draft.hidden)

    def edit(self, name: str, changes: Changes, fields: Sequence[Field] = ()) -> EntryView:
        self._check()
        entry = self._entries.pop(name)
        self._values[changes.name or name] = self._values.pop(name)
        self._values[changes.name or name] |= {field.name: field.value.reveal() for field in fields}
        tags = entry.tags if changes.tags is None else changes.tags
        named = msgspec.structs.replace(entry, name=changes.name or name, tags=tags, version=entry.version + 1)
        self._entries[named.name] = named
        return named

    def remove(self, name: str) -> None:
        self._check()
        if self._entries.pop(name, None) is None:
            raise NotFoundError(f"no entry {name!r}")

    def history(self, name: str) -> list[EntryView]:
        self._check()
        return [self._entries[name]]

    def verify(self, witness: str = "") -> VerifyReport:
        self._check()
        return self.report

    def audit(self, limit: int = 200) -> list[AuditView]:
        self._check()
        return [
            AuditView(sequence=2, at_ms=AT_MS, actor="ann", host="soc-1", kind="get", details={"reads": {"sso": 3}}),
            AuditView(sequence=1, at_ms=AT_MS, actor="ann", host="soc-1", kind="create", subject="5a86"),
        ]

    def slots(self) -> list[SlotView]:
        self._check()
        return [
            SlotView(id="1", type="passphrase", label="night shift", memory_mib=256, passes=3),
            SlotView(id="2", type="shares", label="recovery", threshold=2, shares=3),
        ]

    def recipients(self) -> RecipientsView:
        return RecipientsView(
            vault="pandora1high1qq", bundle="age1pq1zz", signer="ML-DSA-87", signer_fingerprint="ab" * 48
        )

    def seal(self, source: int, sink: int, name: str, *, media: str = "", to: Sequence[str] = ()) -> Custody:
        self.sealed = b"".join(iter(lambda: os.read(source, 65_536), b""))
        os.write(sink, b"sealed")
        return Custody(name=name, size_bytes=len(self.sealed), sha384="cd" * 48)

    def _check(self) -> None:
        if self.state != "unlocked":
            raise VaultLockedError("the vault is locked")

    def _fill(self) -> None:
        self._values = {
            "ibm-quantum": {"token": CANARY.encode()},
            "jump host": {"password": b"hunter2", "user": b"ann"},
            "sso": {"seed": b"JBSWY3DPEHPK3PXP"},
        }
        self._add("ibm-quantum", "token", ("cloud", "ibm"), ("token",))
        self._add("jump host", "login", (), ("password",))
        self._add("sso", "totp", ("daily",), ("seed",))

    def _add(self, name: str, kind: str, tags: tuple[str, ...], hidden: tuple[str, ...]) -> EntryView:
        entry = EntryView(
            id=f"id-{name}", name=name, kind=kind, version=1, created_ms=AT_MS, changed_ms=AT_MS, tags=tags,
            fields=tuple(self._values[name]), hidden=hidden,
        )  # fmt: skip
        self._entries[name] = entry
        return entry
