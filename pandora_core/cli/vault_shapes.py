"""Owns the JSON of ``pandora vault``: what docs/cli.md documents; times are RFC 3339, values text or base64."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any

import msgspec

from pandora_core.model import iso
from pandora_core.vault.agent.answers import AuditView, Custody, EntryView, LeaseView, Opened, VaultStatus

Shape = dict[str, Any]


def plain(value: msgspec.Struct) -> Shape:
    """A view as it is."""
    shape: Shape = msgspec.to_builtins(value)
    return shape


def listing(items: Iterable[Shape]) -> Shape:
    """A list of things, as everywhere; made here so that no command of the vault waits for the store's modules."""
    return {"items": list(items), "next": None}


def status(found: VaultStatus) -> Shape:
    """What is true of the vault now."""
    return {**plain(found), "leases": [lease(each) for each in found.leases]}


def lease(found: LeaseView) -> Shape:
    """An entry that stays readable."""
    return {"name": found.name, "since": at(found.since_ms)}


def entry(found: EntryView) -> Shape:
    """An entry without its values."""
    return {
        "id": found.id,
        "name": found.name,
        "kind": found.kind,
        "version": found.version,
        "created": at(found.created_ms),
        "changed": at(found.changed_ms),
        "tags": list(found.tags),
        "note": found.note,
        "fields": [{"name": name, "hidden": name in found.hidden} for name in found.fields],
    }


def opened(found: Opened) -> Shape:
    """An entry with its values. What is not UTF-8 is base64, and says so."""
    shape = entry(found.entry)
    for field, described in zip(found.fields, shape["fields"], strict=True):
        value = field.value.reveal()
        try:
            described |= {"value": value.decode(), "encoding": "utf-8"}
        except UnicodeDecodeError:
            described |= {"value": base64.b64encode(value).decode(), "encoding": "base64"}
    return shape


def custody(found: Custody) -> Shape:
    """What was sealed or opened."""
    shape = plain(found)
    shape["at"] = at(shape.pop("at_ms"))
    return shape


def audit(found: AuditView) -> Shape:
    """A record of the audit trail."""
    shape = plain(found)
    shape["at"] = at(shape.pop("at_ms"))
    return shape


def at(moment_ms: int) -> str:
    """A time, RFC 3339 in UTC."""
    return iso(moment_ms * 1000)
