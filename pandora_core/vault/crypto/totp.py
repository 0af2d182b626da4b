"""Owns one-time passwords by time (RFC 6238, on HOTP of RFC 4226): from a seed to the six digits of the moment."""

from __future__ import annotations

import base64
import binascii
import hmac
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from pandora_core.errors import ConfigError
from pandora_core.vault.crypto.secret import Secret

_HASHES = ("SHA1", "SHA256", "SHA512")


class Code(NamedTuple):
    """A one-time password and for how many seconds more it is good."""

    digits: str
    good_for_s: float
    period_s: int


@dataclass(frozen=True, slots=True)
class Recipe:
    """How codes are made of a seed. What is not said is what RFC 6238 and every phone take for granted."""

    digits: int = 6
    period_s: int = 30
    algorithm: str = "SHA1"

    def code(self, seed: Secret, now_s: float) -> Code:
        """The code at ``now_s`` (seconds since the epoch); ``seed`` holds the raw bytes."""
        step = int(now_s // self.period_s)
        # RFC 4226, 5.3: the last four bits choose where 31 bits are taken from.
        digest = hmac.digest(seed.view, step.to_bytes(8, "big"), self.algorithm.lower())
        offset = digest[-1] & 0x0F
        number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFF_FFFF
        return Code(
            str(number % 10**self.digits).zfill(self.digits),
            self.period_s - now_s % self.period_s,
            self.period_s,
        )


def read_seed(written: Secret) -> tuple[Recipe, Secret]:
    """The recipe and the raw seed of what was stored: base32 text, or an ``otpauth://totp/…`` address.

    Base32 is read as people copy it: in either case, with spaces, without padding. The address is parsed as text,
    which leaves a copy that cannot be wiped. The seed returned is the caller's to wipe.

    Raises:
        ConfigError: it is neither, or asks for what RFC 6238 does not have.
    """
    if bytes(written.view[:10]).lower() == b"otpauth://":
        return _read_address(written.reveal().decode("utf-8", "replace"))
    return Recipe(), _base32(bytearray(written.view))


def _read_address(address: str) -> tuple[Recipe, Secret]:
    parts = urlsplit(address)
    given = {key.lower(): values[-1] for key, values in parse_qs(parts.query).items()}
    if parts.netloc.lower() != "totp" or not given.get("secret"):
        raise ConfigError("it is no otpauth://totp address with a secret", hint="store the base32 seed alone")
    algorithm = given.get("algorithm", "SHA1").upper().replace("-", "")
    digits, period_s = _whole(given, "digits", 6), _whole(given, "period", 30)
    if algorithm not in _HASHES or not 6 <= digits <= 10 or not 1 <= period_s <= 3600:
        raise ConfigError("its algorithm, digits or period are not those of RFC 6238", hint="SHA1, SHA256 or SHA512")
    return Recipe(digits, period_s, algorithm), _base32(bytearray(given["secret"].encode()))


def _whole(given: dict[str, str], name: str, usual: int) -> int:
    text = given.get(name, str(usual))
    return int(text) if text.isascii() and text.isdigit() and len(text) < 6 else -1


def _base32(text: bytearray) -> Secret:
    packed = text.upper().translate(None, b" \t\r\n-=")
    try:
        raw = base64.b32decode(packed + b"=" * (-len(packed) % 8))
    except binascii.Error:
        raise ConfigError(
            "the seed is not base32", hint="letters A to Z and digits 2 to 7, as the service gave it"
        ) from None
    finally:
        text[:] = bytes(len(text))
        packed[:] = bytes(len(packed))
    if not raw:
        raise ConfigError("the seed is empty")
    return Secret.absorb(raw)
