"""The suites against the HPKE-PQ and X-Wing vectors, and HPKE against that of ``cryptography``, both ways."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives import hpke as reference
from cryptography.hazmat.primitives.asymmetric import ec, mlkem, x25519

from pandora_core.vault.crypto import hpke, recipients
from pandora_core.vault.crypto.hybrid import SuiteKem
from pandora_core.vault.crypto.profiles import MLKEM768_X25519, MLKEM1024, MLKEM1024_P384, SUITES

BY_SUITE = pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)


@pytest.mark.realdata
@BY_SUITE
def test_keys_secrets_and_schedule_agree_with_the_draft(provider, suite, vector_json):
    used = 0
    for vector in vector_json("hpke-pq/test-vectors.json"):
        if (vector["mode"], vector["kem_id"]) != (0, suite.kem_id):
            continue
        kem, seed = SuiteKem.by(provider, suite), bytes.fromhex(vector["skRm"])
        assert kem.public_key(seed).hex() == vector["pkRm"]
        shared = kem.decapsulate(seed, bytes.fromhex(vector["enc"]))
        assert shared.reveal().hex() == vector["shared_secret"]
        if (vector["kdf_id"], vector["aead_id"]) == (suite.hash, suite.aead):
            schedule = hpke._schedule(suite, shared, bytes.fromhex(vector["info"]))
            assert schedule.key.reveal().hex() == vector["key"]
            assert schedule.base_nonce.reveal().hex() == vector["base_nonce"]
            used += 1
    assert used == 1


@pytest.mark.realdata
def test_x_wing_vectors_are_reproduced(provider, vector_json):
    kem = SuiteKem.by(provider, MLKEM768_X25519)
    tests = vector_json("xwing/test-vectors.json")
    for test in tests:
        seed = bytes.fromhex(test["sk"])
        assert kem.public_key(seed).hex() == test["pk"]
        assert kem.decapsulate(seed, bytes.fromhex(test["ct"])).reveal().hex() == test["ss"]
    assert len(tests) == 3


@BY_SUITE
def test_hpke_seals_for_cryptography_and_opens_what_it_sealed(provider, suite):
    made = recipients.generate(provider, suite)
    theirs, private = _reference(suite, made.identity.seed)
    info = b"one info"
    sealed = made.recipient.seal(provider, info, b"there")
    assert theirs.decrypt(sealed.enc + sealed.ciphertext, private, info) == b"there"
    back = theirs.encrypt(b"and back", private.public_key(), info)
    opened = made.identity.open(provider, info, hpke.Sealed(back[: suite.enc_bytes], back[suite.enc_bytes :]))
    assert opened.reveal() == b"and back"


def _reference(suite, seed):
    """The same suite and key in ``cryptography``."""
    kdf, aead = reference.KDF.HKDF_SHA384, reference.AEAD.AES_256_GCM
    if suite is MLKEM1024:
        private = mlkem.MLKEM1024PrivateKey.from_seed_bytes(seed.view)
        return reference.Suite(reference.KEM.MLKEM1024, kdf, aead), private
    expanded = hashlib.shake_256(seed.view).digest(112 if suite is MLKEM1024_P384 else 96)
    if suite is MLKEM1024_P384:
        curve = ec.derive_private_key(int.from_bytes(expanded[64:]), ec.SECP384R1())
        private = reference.MLKEM1024P384PrivateKey(mlkem.MLKEM1024PrivateKey.from_seed_bytes(expanded[:64]), curve)
        return reference.Suite(reference.KEM.MLKEM1024_P384, kdf, aead), private
    private = reference.MLKEM768X25519PrivateKey(
        mlkem.MLKEM768PrivateKey.from_seed_bytes(expanded[:64]),
        x25519.X25519PrivateKey.from_private_bytes(expanded[64:]),
    )
    suite_there = reference.Suite(
        reference.KEM.MLKEM768_X25519, reference.KDF.HKDF_SHA256, reference.AEAD.CHACHA20_POLY1305
    )
    return suite_there, private
