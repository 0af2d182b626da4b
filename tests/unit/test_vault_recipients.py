"""Recipients and identities: their texts, and sealing a key to one."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st
from vault_samples import assert_none_opens, cuts, flips

from pandora_core.errors import OpenFailedError, VaultFormatError
from pandora_core.vault.crypto import bech32, curves, hpke, recipients
from pandora_core.vault.crypto.hybrid import SuiteKem
from pandora_core.vault.crypto.profiles import MLKEM768_X25519, MLKEM1024_P384, SUITES, Curve
from pandora_core.vault.crypto.recipients import Identity, Recipient
from pandora_core.vault.crypto.secret import Secret

EACH_SUITE = pytest.mark.parametrize("suite", SUITES, ids=lambda suite: suite.name)
ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973


@EACH_SUITE
def test_texts_are_read_back(provider, suite):
    made = recipients.generate(provider, suite)
    text, secret_text = str(made.recipient), made.identity.export().decode()
    assert text.startswith(f"{suite.recipient_prefix}1")
    assert secret_text.startswith(f"{suite.identity_prefix.upper()}1")
    assert recipients.parse_recipient(text) == made.recipient
    assert recipients.parse_identity(secret_text) == made.identity
    assert recipients.parse_identity(secret_text).recipient(provider) == made.recipient


@EACH_SUITE
def test_an_identity_is_not_shown(provider, suite):
    made = recipients.generate(provider, suite)
    assert "seed" not in repr(made.identity)
    assert made.identity.seed.reveal().hex()[:16] not in repr(made)


@EACH_SUITE
def test_every_flip_and_cut_of_what_was_sealed_is_refused(provider, suite):
    made = recipients.generate(provider, suite)
    sealed = made.recipient.seal(provider, b"info", b"k" * 32)

    def opens(data):
        return made.identity.open(provider, b"info", hpke.Sealed(data[: suite.enc_bytes], data[suite.enc_bytes :]))

    assert opens(sealed.enc + sealed.ciphertext).reveal() == b"k" * 32
    assert_none_opens(flips(sealed.enc + sealed.ciphertext, step=29), opens)
    assert_none_opens(flips(sealed.ciphertext), lambda tail: opens(sealed.enc + tail))
    assert_none_opens(cuts(sealed.enc + sealed.ciphertext, step=131), opens)
    with pytest.raises(OpenFailedError):
        made.identity.open(provider, b"other", sealed)


@EACH_SUITE
def test_keys_of_the_wrong_length_are_refused(provider, suite):
    with pytest.raises(VaultFormatError):
        Recipient(suite, bytes(suite.public_key_bytes - 1))
    with pytest.raises(VaultFormatError):
        Identity(suite, Secret(suite.seed_bytes + 1))
    with pytest.raises(VaultFormatError):
        SuiteKem.by(provider, suite).encapsulate(bytes(suite.public_key_bytes + 1))


def test_points_that_are_not_on_the_curve_or_of_low_order_are_refused(provider):
    made = recipients.generate(provider, MLKEM1024_P384)
    off_curve = made.recipient.public_key[:-1] + bytes((made.recipient.public_key[-1] ^ 1,))
    hybrid_form = made.recipient.public_key[:1568] + b"\6" + made.recipient.public_key[1569:]
    for public_key in (off_curve, hybrid_form):
        with pytest.raises(VaultFormatError):
            SuiteKem.by(provider, MLKEM1024_P384).encapsulate(public_key)
    low_order = recipients.generate(provider, MLKEM768_X25519).recipient.public_key[:-32] + bytes(32)
    with pytest.raises(VaultFormatError):
        SuiteKem.by(provider, MLKEM768_X25519).encapsulate(low_order)


@pytest.mark.parametrize("scalar", [1, 7, ORDER - 1])
def test_a_scalar_of_p384_gives_the_key_of_that_number(scalar):
    expected = ec.derive_private_key(scalar, ec.SECP384R1()).public_key().public_numbers()
    point = curves.load(Curve.P384, scalar.to_bytes(48)).public_key()
    assert point == b"\4" + expected.x.to_bytes(48) + expected.y.to_bytes(48)


@pytest.mark.parametrize("scalar", [0, ORDER, ORDER + 1, 2**384 - 1])
def test_a_scalar_out_of_range_is_refused(scalar):
    with pytest.raises(VaultFormatError):
        curves.load(Curve.P384, scalar.to_bytes(48))


@given(st.binary(max_size=200))
def test_bech32_gives_back_what_it_was_given_in_either_case(data):
    text = bech32.encode("prefix", data)
    assert bech32.decode("prefix", text) == data
    assert bech32.decode("prefix", text.upper()) == data


@given(st.binary(min_size=1, max_size=40), st.data())
def test_bech32_refuses_a_changed_letter(data, draw):
    text = bech32.encode("p", data)
    at = draw.draw(st.integers(2, len(text) - 1))
    letter = draw.draw(st.sampled_from("qpzry9x8gf2tvdw0s3jn54khce6mua7lbio1é").filter(lambda each: each != text[at]))
    with pytest.raises(VaultFormatError):
        bech32.decode("p", text[:at] + letter + text[at + 1 :])


@pytest.mark.parametrize(
    "text",
    ["", "p", "p1", "p1qqqqq", "P1qqqqqq", "other1qqqqqqqq", bech32.encode("p", b"xyz").replace("1", "1Q", 1)],
)
def test_bech32_refuses_what_is_not_bech32(text):
    with pytest.raises(VaultFormatError):
        bech32.decode("p", text)


@pytest.mark.parametrize("text", ["A12UEL5L", "abcdef1qpzry9x8gf2tvdw0s3jn54khce6mua7lmqqqxw", "?1ezyfcl"])
def test_bech32_agrees_with_the_examples_of_bip_173(text):
    prefix = text.lower().rpartition("1")[0]
    decoded = bech32.decode(prefix, text)
    assert bech32.encode(prefix, decoded) == text.lower()


def test_texts_of_other_kinds_of_keys_are_refused_with_advice():
    for text in ("age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p", "ssh-ed25519 AAAA", ""):
        with pytest.raises(VaultFormatError, match="age1pq1"):
            recipients.parse_recipient(text)
