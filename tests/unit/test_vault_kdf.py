"""Derivation: Argon2id within bounds, HKDF as in its RFC."""

from __future__ import annotations

import hmac
import unicodedata

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from vault_samples import CHEAP

from pandora_core.errors import VaultError, VaultFormatError
from pandora_core.vault.crypto import kdf
from pandora_core.vault.crypto.kdf import Argon2Cost
from pandora_core.vault.crypto.secret import Secret


@pytest.mark.parametrize(
    ("memory_kib", "passes", "lanes"),
    [
        (65_535, 3, 4),
        (65_536, 2, 4),
        (65_536, 3, 0),
        (65_536, 33, 4),
        (65_536, 3, 17),
        (2_097_153, 3, 4),
        (2_097_152, 5, 4),
        (2**32 - 1, 2**32 - 1, 2**32 - 1),
        (0, 0, 0),
        (-1, 3, 1),
    ],
)
def test_costs_below_the_floor_or_above_the_ceiling_are_refused_before_anything_runs(memory_kib, passes, lanes):
    with pytest.raises(VaultFormatError):
        Argon2Cost(memory_kib, passes, lanes)


def test_the_default_cost_is_that_of_the_specification():
    assert Argon2Cost() == Argon2Cost(memory_kib=262_144, passes=3, lanes=4)


def test_stretching_is_argon2id_version_19_without_secret_or_data():
    salt = bytes(range(32))
    expected = Argon2id(salt=salt, length=32, iterations=3, lanes=4, memory_cost=65_536).derive(b"hunter2")
    assert kdf.stretch_passphrase(Secret.copy_of(b"hunter2"), salt, CHEAP).reveal() == expected


@pytest.mark.parametrize("size", [0, 1025])
def test_empty_and_overlong_passphrases_are_refused(size):
    with pytest.raises(VaultError):
        kdf.stretch_passphrase(Secret(size), bytes(32), CHEAP)


def test_a_salt_of_another_length_is_refused():
    with pytest.raises(VaultFormatError):
        kdf.stretch_passphrase(Secret.copy_of(b"x"), bytes(16), CHEAP)


def test_a_passphrase_is_the_same_however_its_letters_were_composed():
    composed = unicodedata.normalize("NFC", "Zoë’s cañon")
    decomposed = unicodedata.normalize("NFD", composed)
    assert composed != decomposed
    assert kdf.passphrase_secret(composed) == kdf.passphrase_secret(decomposed)
    assert kdf.passphrase_secret(" x ") != kdf.passphrase_secret("x")


@pytest.mark.parametrize("size", [1, 32, 48, 49, 76, 200])
def test_derivation_is_hkdf_of_rfc_5869_with_sha_384(size):
    ikm, salt, info = b"input", b"salt", b"info"
    pseudo_random_key = hmac.digest(salt, ikm, "sha384")
    block, output, counter = b"", b"", 0
    while len(output) < size:
        counter += 1
        block = hmac.digest(pseudo_random_key, block + info + bytes((counter,)), "sha384")
        output += block
    assert kdf.derive(ikm, salt=salt, info=info, size_bytes=size).reveal() == output[:size]
