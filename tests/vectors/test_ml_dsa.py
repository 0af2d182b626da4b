"""ML-DSA against Wycheproof, ACVP and CCTV, in each provider through its protocol.

Not usable through a protocol with seeds and contexts: vectors that hold expanded keys (Wycheproof ``noseed``), those
of the internal interface without a message (flag ``Internal``), and ACVP's signatures, which are of an older
generation than the context string.
"""

from __future__ import annotations

import hashlib

import pytest
from providing import provider_named

from pandora_core.errors import OpenFailedError, VaultError
from pandora_core.vault.crypto import providers
from pandora_core.vault.crypto.profiles import SIGNATURES

pytestmark = pytest.mark.realdata
ALGORITHMS = ("ML-DSA-44", "ML-DSA-65", "ML-DSA-87")
ACCUMULATED = {
    ("ML-DSA-44", 100): "d51148e1f9f4fa1a723a6cf42e25f2a99eb5c1b378b3d2dbbd561b1203beeae4",
    ("ML-DSA-65", 100): "8358a1843220194417cadbc2651295cd8fc65125b5a5c1a239a16dc8b57ca199",
    ("ML-DSA-87", 100): "8c3ad714777622b8f21ce31bb35f71394f23bc0fcf3c78ace5d608990f3b061b",
    ("ML-DSA-44", 10_000): "e7fd21f6a59bcba60d65adc44404bb29a7c00e5d8d3ec06a732c00a306a7d143",
    ("ML-DSA-65", 10_000): "5ff5e196f0b830c3b10a9eb5358e7c98a3a20136cb677f3ae3b90175c3ace329",
    ("ML-DSA-87", 10_000): "80a8cf39317f7d0be0e24972c51ac152bd2a3e09bc0c32ce29dd82c4e7385e60",
}


def octets(test, name):
    return bytes.fromhex(test.get(name) or "")


def holds(signer, public_key, message, signature, context):
    try:
        signer.verify(public_key, message, signature, context)
    except VaultError:
        return False
    return True


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_signatures_hold_or_not_as_wycheproof_says(provider, algorithm, vector_json):
    signer, count = provider.signer(algorithm), 0
    for group in vector_json(f"wycheproof/testvectors_v1/mldsa_{algorithm[-2:]}_verify_test.json")["testGroups"]:
        public_key = bytes.fromhex(group["publicKey"])
        for test in group["tests"]:
            found = holds(signer, public_key, octets(test, "msg"), octets(test, "sig"), octets(test, "ctx"))
            assert found == (test["result"] == "valid"), (test["tcId"], test["comment"])
            count += 1
    assert count >= 180


@pytest.mark.parametrize("algorithm", ALGORITHMS[1:])
def test_seeds_sign_as_wycheproof_says(provider, algorithm, vector_json):
    signer, used, internal = provider.signer(algorithm), 0, 0
    for group in vector_json(f"wycheproof/testvectors_v1/mldsa_{algorithm[-2:]}_sign_seed_test.json")["testGroups"]:
        for test in group["tests"]:
            if "Internal" in test["flags"] and "msg" not in test:
                internal += 1
                continue
            assert _signs(signer, bytes.fromhex(group["privateSeed"]), group["publicKey"], test) == (
                test["result"] == "valid"
            ), (test["tcId"], test["comment"])
            used += 1
    assert used > 60
    assert internal > 0


def _signs(signer, seed, public_key_hex, test):
    """The key is the vector's, the vector's signature holds, and so does one that is made here."""
    message, context = octets(test, "msg"), octets(test, "ctx")
    try:
        public_key = signer.public_key(seed)
        signature = signer.sign(seed, message, context)
        signer.verify(public_key, message, signature, context)
    except VaultError:
        return False
    if hasattr(signer.inner, "_library") and "Randomized" not in test["flags"]:
        assert signer.inner.sign(bytearray(seed), message, context, bytearray(32)) == octets(test, "sig")
    return public_key.hex() == public_key_hex and holds(signer, public_key, message, octets(test, "sig"), context)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_key_generation_agrees_with_acvp(provider, algorithm, vector_json):
    document = vector_json("acvp/ML-DSA/ML-DSA-keyGen-FIPS204.internalProjection.json")
    (group,) = [group for group in document["testGroups"] if group["parameterSet"] == algorithm]
    signer = provider.signer(algorithm)
    for test in group["tests"]:
        assert signer.public_key(bytes.fromhex(test["seed"])).hex() == test["pk"].lower()
    assert len(group["tests"]) == 25


@pytest.mark.liboqs
@pytest.mark.parametrize(
    ("algorithm", "count"),
    [pytest.param(*case, marks=[pytest.mark.slow] if case[1] > 100 else []) for case in ACCUMULATED],
)
def test_both_providers_reproduce_the_accumulated_vectors(provider, algorithm, count, vectors):
    """Keys and deterministic signatures of liboqs give CCTV's hash; pyca makes the same keys and verifies all."""
    assert ACCUMULATED[algorithm, count] in vectors("cctv/ML-DSA/accumulated/README.md").read_text()
    deterministic, judge = provider_named("liboqs").signer(algorithm), provider.signer(algorithm)
    seeds, result = hashlib.shake_128().digest(32 * count), hashlib.shake_128()
    for at in range(0, len(seeds), 32):
        seed = bytearray(seeds[at : at + 32])
        public_key = judge.public_key(seed)
        signature = deterministic.inner.sign(seed, b"", b"", bytearray(32))
        judge.verify(public_key, b"", signature, b"")
        result.update(public_key + signature)
    assert result.digest(32).hex() == ACCUMULATED[algorithm, count]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_signature_of_one_provider_holds_in_every_other(provider, algorithm):
    seed = hashlib.shake_256(algorithm.encode()).digest(32)
    maker = provider.signer(algorithm)
    signature = maker.sign(seed, b"message", b"context")
    assert len(signature) == SIGNATURES[algorithm].signature
    for other in providers.present():
        judge = other.signer(algorithm)
        judge.verify(maker.public_key(seed), b"message", signature, b"context")
        for message, context in ((b"massage", b"context"), (b"message", b"")):
            with pytest.raises(OpenFailedError):
                judge.verify(maker.public_key(seed), message, signature, context)
