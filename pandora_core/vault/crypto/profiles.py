"""Owns the profiles of the vault: which algorithms, how long their keys; there is no negotiation (format §2)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from pandora_core.errors import VaultFormatError

HYBRID_SEED_BYTES = 32
SIGNING_SEED_BYTES = 32
KEM_SEED_BYTES = 64
TAG_BYTES = 16


class Aead(IntEnum):
    """AEAD identifiers of RFC 9180 §7.3."""

    AES_256_GCM = 0x0002
    CHACHA20_POLY1305 = 0x0003


class Hash(IntEnum):
    """HKDF identifiers of RFC 9180 §7.2."""

    SHA256 = 0x0001
    SHA384 = 0x0002


class Curve(IntEnum):
    """The classical half of a hybrid KEM."""

    NONE = 0
    X25519 = 1
    P384 = 2


@dataclass(frozen=True, slots=True)
class KemSizes:
    """Lengths in bytes of one ML-KEM parameter set (FIPS 203 table 3)."""

    public_key: int
    ciphertext: int


@dataclass(frozen=True, slots=True)
class SignatureSizes:
    """Lengths in bytes of one ML-DSA parameter set (FIPS 204 table 2)."""

    public_key: int
    signature: int


KEMS = {"ML-KEM-768": KemSizes(1184, 1088), "ML-KEM-1024": KemSizes(1568, 1568)}
SIGNATURES = {
    "ML-DSA-44": SignatureSizes(1312, 2420),  # for test vectors; no profile uses it
    "ML-DSA-65": SignatureSizes(1952, 3309),
    "ML-DSA-87": SignatureSizes(2592, 4627),
}


@dataclass(frozen=True, slots=True)
class Suite:
    """An HPKE suite (RFC 9180, HPKE-PQ draft) and how its recipients are written down."""

    name: str
    kem_id: int
    kem: str
    curve: Curve
    hash: Hash
    aead: Aead
    label: bytes
    """What the hybrid combiner ends with; empty when there is no curve."""
    recipient_prefix: str
    identity_prefix: str

    @property
    def seed_bytes(self) -> int:
        """Length of an identity."""
        return HYBRID_SEED_BYTES if self.curve else KEM_SEED_BYTES

    @property
    def public_key_bytes(self) -> int:
        """Length of a recipient's public key."""
        return KEMS[self.kem].public_key + self.curve_bytes

    @property
    def enc_bytes(self) -> int:
        """Length of the encapsulated key."""
        return KEMS[self.kem].ciphertext + self.curve_bytes

    @property
    def curve_bytes(self) -> int:
        """Length of a point of the classical half."""
        return {Curve.NONE: 0, Curve.X25519: 32, Curve.P384: 97}[self.curve]


MLKEM768_X25519 = Suite(
    name="MLKEM768-X25519",
    kem_id=0x647A,
    kem="ML-KEM-768",
    curve=Curve.X25519,
    hash=Hash.SHA256,
    aead=Aead.CHACHA20_POLY1305,
    label=b"\\.//^\\",
    recipient_prefix="age1pq",
    identity_prefix="age-secret-key-pq-",
)
MLKEM1024_P384 = Suite(
    name="MLKEM1024-P384",
    kem_id=0x0051,
    kem="ML-KEM-1024",
    curve=Curve.P384,
    hash=Hash.SHA384,
    aead=Aead.AES_256_GCM,
    label=b"MLKEM1024-P384",
    recipient_prefix="pandora1high",
    identity_prefix="pandora-secret-key-high-",
)
MLKEM1024 = Suite(
    name="ML-KEM-1024",
    kem_id=0x0042,
    kem="ML-KEM-1024",
    curve=Curve.NONE,
    hash=Hash.SHA384,
    aead=Aead.AES_256_GCM,
    label=b"",
    recipient_prefix="pandora1cnsa",
    identity_prefix="pandora-secret-key-cnsa-",
)
SUITES = (MLKEM768_X25519, MLKEM1024_P384, MLKEM1024)
BUNDLE_SUITE = MLKEM768_X25519


@dataclass(frozen=True, slots=True)
class Profile:
    """Every algorithm of a vault, fixed for its life."""

    id: int
    name: str
    suite: Suite
    signature: str
    aead: Aead


HIGH = Profile(1, "high", MLKEM1024_P384, "ML-DSA-87", Aead.AES_256_GCM)
STANDARD = Profile(2, "standard", MLKEM768_X25519, "ML-DSA-65", Aead.CHACHA20_POLY1305)
CNSA = Profile(3, "cnsa", MLKEM1024, "ML-DSA-87", Aead.AES_256_GCM)
PROFILES = (HIGH, STANDARD, CNSA)


def profile_by_id(number: int) -> Profile:
    """The profile of a file.

    Raises:
        VaultFormatError: this version knows none of that number.
    """
    for profile in PROFILES:
        if profile.id == number:
            return profile
    raise VaultFormatError(f"profile {number} is not known", hint="a newer Pandora may know it")


def profile_by_name(name: str) -> Profile:
    """The profile that a person named.

    Raises:
        VaultFormatError: there is none of that name.
    """
    for profile in PROFILES:
        if profile.name == name:
            return profile
    raise VaultFormatError(f"no profile {name!r}", hint=f"known: {', '.join(p.name for p in PROFILES)}")
