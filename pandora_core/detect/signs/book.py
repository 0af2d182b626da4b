"""Owns the book of all signs."""

from __future__ import annotations

from pandora_core.detect.sessions import digest
from pandora_core.detect.signs import (
    accounts,
    commands,
    files,
    memory,
    processes,
    registry,
    scripts,
    settings,
)
from pandora_core.detect.signs.sign import SignBook

BOOK = SignBook(
    (
        *processes.PROCESSES,
        *commands.COMMANDS,
        *scripts.SCRIPTS,
        *registry.REGISTRY,
        *files.FILES,
        *memory.MEMORY,
        *accounts.ACCOUNTS,
        *settings.SETTINGS,
    )
)
"""Every sign there is."""

FINGERPRINT = digest(*(sign.spelled() for sign in BOOK.by_name.values()))
"""Changes with every sign: a state that other signs made is of no use."""
