"""Owns the ways in which an age file fails to open, told apart for tests and logs, not in the message."""

from __future__ import annotations

from enum import Enum

from pandora_core.errors import OpenFailedError


class Failure(Enum):
    """The classes of the CCTV age test kit."""

    NO_MATCH = "no match"
    HEADER = "header failure"
    HMAC = "HMAC failure"
    PAYLOAD = "payload failure"
    ARMOR = "armor failure"


class AgeError(OpenFailedError):
    """An age file does not open. ``failure`` says in which part of it."""

    def __init__(self, failure: Failure) -> None:
        super().__init__()
        self.failure = failure
