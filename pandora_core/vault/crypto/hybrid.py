"""Owns the KEM of a suite: ML-KEM alone, or together with a curve as in the HPKE-PQ draft (format §2)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Self

from pandora_core.errors import OpenFailedError, VaultFormatError
from pandora_core.vault.crypto import curves
from pandora_core.vault.crypto.profiles import KEM_SEED_BYTES, KEMS, Curve, Suite
from pandora_core.vault.crypto.providers import Encapsulated, Kem, Provider
from pandora_core.vault.crypto.secret import Octets, Secret

_CURVE_PRIVATE_BYTES = {Curve.X25519: 32, Curve.P384: 48}


@dataclass(frozen=True, slots=True)
class SuiteKem:
    """Keys and encapsulation of one suite; the ML-KEM half is computed by a provider."""

    suite: Suite
    kem: Kem

    @classmethod
    def by(cls, provider: Provider, suite: Suite) -> Self:
        return cls(suite, provider.kem(suite.kem))

    def public_key(self, seed: Octets) -> bytes:
        """ML-KEM's key, then the curve's.

        Raises:
            VaultFormatError: the seed has the wrong length, or gives no scalar of P-384 (chance 2^-194).
        """
        if self.suite.curve is Curve.NONE:
            return self.kem.public_key(seed)
        with self._expand(seed) as halves:
            curve_key = curves.load(self.suite.curve, halves.view[KEM_SEED_BYTES:])
            return self.kem.public_key(halves.view[:KEM_SEED_BYTES]) + curve_key.public_key()

    def encapsulate(self, public_key: bytes) -> Encapsulated:
        """A fresh shared secret [32] and what its recipient finds it by.

        Raises:
            VaultFormatError: not a public key of this suite.
        """
        if len(public_key) != self.suite.public_key_bytes:
            raise VaultFormatError(f"a public key of {self.suite.name} has {self.suite.public_key_bytes} bytes")
        if self.suite.curve is Curve.NONE:
            return self.kem.encapsulate(public_key)
        split = KEMS[self.suite.kem].public_key
        lattice, point = self.kem.encapsulate(public_key[:split]), public_key[split:]
        ephemeral = curves.generate(self.suite.curve)
        with lattice.shared_secret:
            try:
                curve_secret = ephemeral.exchange(point)
            except ValueError as error:
                raise VaultFormatError(f"not a public key of {self.suite.name}") from error
            shared_secret = self._combine(lattice.shared_secret, curve_secret, ephemeral.public_key(), point)
        return Encapsulated(lattice.ciphertext + ephemeral.public_key(), shared_secret)

    def decapsulate(self, seed: Octets, enc: bytes) -> Secret:
        """The shared secret; a wrong ``enc`` of the right length mostly gives another secret, not an error.

        Raises:
            OpenFailedError: its length is wrong, or its point is not on the curve or of low order.
        """
        if len(enc) != self.suite.enc_bytes:
            raise OpenFailedError
        if self.suite.curve is Curve.NONE:
            return self.kem.decapsulate(seed, enc)
        split = KEMS[self.suite.kem].ciphertext
        with self._expand(seed) as halves:
            curve_key = curves.load(self.suite.curve, halves.view[KEM_SEED_BYTES:])
            try:
                curve_secret = curve_key.exchange(enc[split:])
            except ValueError:
                raise OpenFailedError from None
            with self.kem.decapsulate(halves.view[:KEM_SEED_BYTES], enc[:split]) as lattice_secret:
                return self._combine(lattice_secret, curve_secret, enc[split:], curve_key.public_key())

    def _expand(self, seed: Octets) -> Secret:
        """The two private values of a hybrid seed."""
        if len(seed) != self.suite.seed_bytes:
            raise VaultFormatError(f"an identity of {self.suite.name} has {self.suite.seed_bytes} bytes")
        size = KEM_SEED_BYTES + _CURVE_PRIVATE_BYTES[self.suite.curve]
        return Secret.absorb(hashlib.shake_256(seed).digest(size))

    def _combine(self, lattice_secret: Secret, curve_secret: Secret, point: bytes, curve_key: bytes) -> Secret:
        with curve_secret:
            combiner = hashlib.sha3_256(lattice_secret.view)
            combiner.update(curve_secret.view)
        combiner.update(point + curve_key + self.suite.label)
        return Secret.absorb(combiner.digest())
