"""Owns the classical half of the hybrid KEMs: X25519 (RFC 7748) and ECDH on P-384 (SP 800-186)."""

from __future__ import annotations

from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_private_key

from pandora_core.errors import VaultFormatError
from pandora_core.vault.crypto.profiles import Curve
from pandora_core.vault.crypto.secret import Octets, Secret

# PKCS #8 around a SEC 1 key without its public part: ASN.1 is the one door for a scalar that does not lead through a
# Python int, which could not be wiped.
_P384_HEAD = bytes.fromhex("304e020100301006072a8648ce3d020106052b81040022043730350201010430")


class CurveKey(Protocol):
    """A private key that lives as long as this object; ``exchange`` raises ``ValueError`` for a bad point."""

    def public_key(self) -> bytes: ...

    def exchange(self, point: bytes) -> Secret: ...


class X25519Key:
    """A private key of X25519; an all-zero result is refused."""

    def __init__(self, private: x25519.X25519PrivateKey) -> None:
        self._private = private

    def public_key(self) -> bytes:
        return self._private.public_key().public_bytes_raw()

    def exchange(self, point: bytes) -> Secret:
        return Secret.absorb(self._private.exchange(x25519.X25519PublicKey.from_public_bytes(point)))


class P384Key:
    """A private key of P-384; points are uncompressed, the shared secret is the x-coordinate."""

    def __init__(self, private: ec.EllipticCurvePrivateKey) -> None:
        self._private = private

    def public_key(self) -> bytes:
        return self._private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    def exchange(self, point: bytes) -> Secret:
        # Other encodings of a point raise here, or have another length than the suites allow.
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP384R1(), point)
        return Secret.absorb(self._private.exchange(ec.ECDH(), public))


def generate(curve: Curve) -> CurveKey:
    """A fresh key, for one encapsulation."""
    if curve is Curve.X25519:
        return X25519Key(x25519.X25519PrivateKey.generate())
    return P384Key(ec.generate_private_key(ec.SECP384R1()))


def load(curve: Curve, private: Octets) -> CurveKey:
    """The key of a private value: 32 bytes for X25519, a big-endian scalar of 48 for P-384.

    Raises:
        VaultFormatError: the scalar is 0 or not below the order of the group.
    """
    if curve is Curve.X25519:
        return X25519Key(x25519.X25519PrivateKey.from_private_bytes(private))
    with Secret(len(_P384_HEAD) + len(private)) as der:
        der.view[: len(_P384_HEAD)] = _P384_HEAD
        der.view[len(_P384_HEAD) :] = private
        try:
            key = load_der_private_key(der.view, None)
        except ValueError:
            raise VaultFormatError("not a private key of P-384") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise VaultFormatError("not a private key of P-384")
    return P384Key(key)
