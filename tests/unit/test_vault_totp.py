"""One-time passwords: the vectors of RFC 6238, appendix B, and what people paste."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandora_core.errors import ConfigError
from pandora_core.vault.crypto.secret import Secret
from pandora_core.vault.crypto.totp import Recipe, read_seed

SEED = b"12345678901234567890"
SEEDS = {"SHA1": SEED, "SHA256": SEED + SEED[:12], "SHA512": SEED * 3 + SEED[:4]}


@pytest.mark.parametrize(
    ("now_s", "algorithm", "digits"),
    [
        (59, "SHA1", "94287082"), (59, "SHA256", "46119246"), (59, "SHA512", "90693936"),
        (1111111109, "SHA1", "07081804"), (1111111109, "SHA256", "68084774"), (1111111109, "SHA512", "25091201"),
        (1111111111, "SHA1", "14050471"), (1234567890, "SHA256", "91819424"), (2000000000, "SHA512", "38618901"),
        (20000000000, "SHA1", "65353130"), (20000000000, "SHA256", "77737706"), (20000000000, "SHA512", "47863826"),
    ],
)  # fmt: skip
def test_the_vectors_of_the_rfc_hold(now_s: int, algorithm: str, digits: str) -> None:
    code = Recipe(digits=8, algorithm=algorithm).code(Secret.copy_of(SEEDS[algorithm]), now_s)
    assert code.digits == digits


def test_a_code_is_good_until_its_period_ends() -> None:
    assert Recipe().code(Secret.copy_of(SEED), 59.5).good_for_s == 0.5
    assert Recipe(period_s=60).code(Secret.copy_of(SEED), 60).good_for_s == 60


@given(st.binary(min_size=1, max_size=70), st.booleans(), st.booleans())
def test_a_seed_is_read_as_people_copy_it(seed: bytes, is_lower: bool, is_spaced: bool) -> None:
    text = base64.b32encode(seed).decode().rstrip("=")
    text = text.lower() if is_lower else text
    text = " ".join(text[i : i + 4] for i in range(0, len(text), 4)) if is_spaced else text
    recipe, raw = read_seed(Secret.copy_of(text.encode()))
    assert (recipe, raw.reveal()) == (Recipe(), seed)


def test_an_address_says_the_recipe() -> None:
    secret = base64.b32encode(SEED).decode()
    address = f"otpauth://totp/SOC:ann?secret={secret}&issuer=SOC&algorithm=SHA256&digits=8&period=60"
    recipe, raw = read_seed(Secret.copy_of(address.encode()))
    assert (recipe, raw.reveal()) == (Recipe(8, 60, "SHA256"), SEED)


@pytest.mark.parametrize(
    "text",
    [
        "", "=", "10890", "otpauth://hotp/x?secret=MFRGG", "otpauth://totp/x", "otpauth://totp/x?secret=1",
        "otpauth://totp/x?secret=MFRGG&digits=3", "otpauth://totp/x?secret=MFRGG&period=0",
        "otpauth://totp/x?secret=MFRGG&algorithm=MD5", "otpauth://totp/x?secret=MFRGG&digits=six",
    ],
)  # fmt: skip
def test_what_is_no_seed_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_seed(Secret.copy_of(text.encode()))
    assert "MFRGG" not in str(refused.value)
