"""ML-KEM against Wycheproof, ACVP and CCTV, in each provider through its protocol.

Not usable through a protocol whose private keys are seeds: vectors that hold expanded keys only (Wycheproof
``semi_expanded_decaps``, ACVP decapsulation, CCTV ``strcmp``, which Wycheproof repeats with seeds). CCTV's
``intermediate`` and ``unluckysample`` are of the draft of FIPS 203.
"""

from __future__ import annotations

import gzip

import pytest

from pandora_core.errors import VaultError, VaultFormatError
from pandora_core.vault.crypto.profiles import KEMS

ALGORITHMS = {"ML-KEM-768": "mlkem_768", "ML-KEM-1024": "mlkem_1024"}
pytestmark = [pytest.mark.realdata, pytest.mark.parametrize("algorithm", list(ALGORITHMS))]


def cases_of(document):
    return [test for group in document["testGroups"] for test in group["tests"]]


def encapsulate_with(kem, public_key, m):
    """Derandomised where the provider can be told what to draw, else hedged: then only acceptance is compared."""
    return kem.inner.encapsulate(public_key, bytearray(m)) if hasattr(kem.inner, "_library") else None


def test_keys_and_decapsulation_agree_with_wycheproof(provider, algorithm, vector_json):
    kem = provider.kem(algorithm)
    tests = cases_of(vector_json(f"wycheproof/testvectors_v1/{ALGORITHMS[algorithm]}_test.json"))
    for test in tests:
        seed, ciphertext = bytes.fromhex(test["seed"]), bytes.fromhex(test["c"])
        try:
            secret = kem.decapsulate(seed, ciphertext)
            right = secret.reveal().hex() == test["K"] and kem.public_key(seed).hex() == test["ek"]
        except VaultError:
            right = False
        assert right == (test["result"] == "valid"), test["tcId"]
    assert len(tests) == 193


def test_key_generation_agrees_with_wycheproof(provider, algorithm, vector_json):
    kem = provider.kem(algorithm)
    tests = cases_of(vector_json(f"wycheproof/testvectors_v1/{ALGORITHMS[algorithm]}_keygen_seed_test.json"))
    assert [kem.public_key(bytes.fromhex(test["seed"])).hex() for test in tests] == [test["ek"] for test in tests]
    assert len(tests) == 100


def test_encapsulation_keys_are_refused_or_taken_as_wycheproof_says(provider, algorithm, vector_json):
    kem = provider.kem(algorithm)
    tests = cases_of(vector_json(f"wycheproof/testvectors_v1/{ALGORITHMS[algorithm]}_encaps_test.json"))
    for test in tests:
        public_key, m = bytes.fromhex(test["ek"]), bytes.fromhex(test["m"])
        if test["result"] == "invalid":
            with pytest.raises(VaultFormatError):
                kem.encapsulate(public_key)
            continue
        kem.encapsulate(public_key)
        if made := encapsulate_with(kem, public_key, m):
            assert (made.ciphertext.hex(), made.shared_secret.reveal().hex()) == (test["c"], test["K"])
    assert len(tests) > 260


def test_key_generation_agrees_with_acvp(provider, algorithm, vector_json):
    document = vector_json("acvp/ML-KEM/ML-KEM-keyGen-FIPS203.internalProjection.json")
    (group,) = [group for group in document["testGroups"] if group["parameterSet"] == algorithm]
    for test in group["tests"]:
        seed = bytes.fromhex(test["d"]) + bytes.fromhex(test["z"])
        assert provider.kem(algorithm).public_key(seed).hex() == test["ek"].lower()
    assert len(group["tests"]) == 25


def test_encapsulation_agrees_with_acvp(provider, algorithm, vector_json):
    document = vector_json("acvp/ML-KEM/ML-KEM-encapDecap-FIPS203.internalProjection.json")
    (group,) = [
        group
        for group in document["testGroups"]
        if group["parameterSet"] == algorithm and group["function"] == "encapsulation"
    ]
    kem = provider.kem(algorithm)
    for test in group["tests"]:
        public_key = bytes.fromhex(test["ek"])
        kem.encapsulate(public_key)
        if made := encapsulate_with(kem, public_key, bytes.fromhex(test["m"])):
            found = (made.ciphertext.hex(), made.shared_secret.reveal().hex())
            assert found == (test["c"].lower(), test["k"].lower())
    assert len(group["tests"]) == 25


def test_every_coefficient_past_the_modulus_is_refused(provider, algorithm, vectors):
    lines = gzip.decompress(vectors(f"cctv/ML-KEM/modulus/{algorithm}.txt").read_bytes()).split()
    kem = provider.kem(algorithm)
    for line in lines:
        public_key = bytes.fromhex(line.decode())
        assert len(public_key) == KEMS[algorithm].public_key
        with pytest.raises(VaultFormatError):
            kem.encapsulate(public_key)
    assert len(lines) in (780, 1040)
