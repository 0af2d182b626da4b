"""The envelope: it opens in its place, under its key, whole, and in no other way."""

from __future__ import annotations

import hmac

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from hypothesis import given, settings
from hypothesis import strategies as st
from vault_samples import EACH_PROFILE, OTHER_ID, VAULT_ID, assert_none_opens, cuts, flips

from pandora_core.errors import OpenFailedError, VaultError
from pandora_core.vault.crypto.envelope import (
    OVERHEAD_BYTES,
    PLAINTEXT_LIMIT_BYTES,
    Context,
    Kind,
    open_envelope,
    padded_size,
    seal,
)
from pandora_core.vault.crypto.profiles import CNSA, HIGH, PROFILES, STANDARD, Aead
from pandora_core.vault.crypto.secret import Secret

KEY = Secret.copy_of(bytes(range(32)))
ENTROPY = bytes(32)
CONTEXT = Context(Kind.META, HIGH, VAULT_ID, OTHER_ID, epoch=3, version=7, extra=b"more")
PADDED = {Kind.KEYRING, Kind.META, Kind.SECRET, Kind.AUDIT, Kind.NOTE, Kind.SLOT_NOTE}


@given(
    plaintext=st.binary(max_size=3000),
    kind=st.sampled_from(Kind),
    profile=st.sampled_from(PROFILES),
    epoch=st.integers(0, 2**32 - 1),
    version=st.integers(0, 2**64 - 1),
    entropy=st.binary(min_size=32, max_size=32),
)
def test_what_is_sealed_opens_again_and_has_the_length_that_is_specified(
    plaintext, kind, profile, epoch, version, entropy
):
    context = Context(kind, profile, VAULT_ID, OTHER_ID, epoch, version)
    envelope = seal(KEY, context, plaintext, entropy)
    assert len(envelope) == OVERHEAD_BYTES + (padded_size(len(plaintext)) if kind in PADDED else len(plaintext))
    with open_envelope(KEY, context, envelope) as opened:
        assert opened.reveal() == plaintext


@EACH_PROFILE
def test_an_envelope_can_be_opened_from_the_specification_alone(profile):
    envelope = seal(KEY, CONTEXT._replace(profile=profile), b"a secret", ENTROPY)
    salt, commitment, sealed = envelope[:24], envelope[24:56], envelope[56:]
    info = (
        b"pandora-vault/v1"
        + bytes((8, profile.id))
        + VAULT_ID
        + OTHER_ID
        + (3).to_bytes(4)
        + (7).to_bytes(8)
        + b"more"
    )
    extracted = hmac.digest(salt, bytes(range(32)), "sha384")
    first = hmac.digest(extracted, info + b"\1", "sha384")
    derived = first + hmac.digest(extracted, first + info + b"\2", "sha384")
    assert commitment == derived[44:76]
    cipher = AESGCM if profile.aead is Aead.AES_256_GCM else ChaCha20Poly1305
    plaintext = cipher(derived[:32]).decrypt(derived[32:44], sealed, None)
    assert plaintext == (8).to_bytes(4) + b"a secret" + bytes(244)


@pytest.mark.parametrize(
    "change",
    [
        {"kind": Kind.SECRET},
        {"profile": CNSA},
        {"profile": STANDARD},
        {"vault_id": OTHER_ID},
        {"subject": VAULT_ID},
        {"epoch": 4},
        {"version": 8},
        {"extra": b""},
        {"extra": b"more."},
    ],
    ids=str,
)
def test_an_envelope_opens_nowhere_else(change):
    envelope = seal(KEY, CONTEXT, b"x", ENTROPY)
    with pytest.raises(OpenFailedError):
        open_envelope(KEY, CONTEXT._replace(**change), envelope)


def test_an_envelope_does_not_open_under_another_key():
    envelope = seal(KEY, CONTEXT, b"x", ENTROPY)
    with pytest.raises(OpenFailedError) as caught:
        open_envelope(Secret.copy_of(bytes(32)), CONTEXT, envelope)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("kind", [Kind.META, Kind.DEK], ids=lambda kind: kind.name)
@EACH_PROFILE
def test_every_flip_and_every_cut_is_one_opaque_error(profile, kind):
    context = CONTEXT._replace(profile=profile, kind=kind)
    envelope = seal(KEY, context, b"k" * 32, ENTROPY)
    texts = set()

    def opens(data: bytes) -> None:
        try:
            open_envelope(KEY, context, data)
        except OpenFailedError as error:
            texts.add(str(error))
            raise

    assert_none_opens(flips(envelope), opens)
    assert_none_opens(cuts(envelope), opens)
    assert len(texts) == 1


def test_an_envelope_that_decrypts_under_two_keys_would_need_two_commitments():
    first, second = (seal(Secret.copy_of(bytes((n,)) * 32), CONTEXT, b"x", ENTROPY) for n in (1, 2))
    assert first[24:56] != second[24:56]
    with pytest.raises(OpenFailedError):
        open_envelope(Secret.copy_of(b"\1" * 32), CONTEXT, first[:24] + second[24:56] + first[56:])


def test_repeated_entropy_gives_other_salts_for_another_plaintext_or_place():
    one = seal(KEY, CONTEXT, b"one", ENTROPY)
    assert one == seal(KEY, CONTEXT, b"one", ENTROPY)
    others = [
        seal(KEY, CONTEXT, b"two", ENTROPY),
        seal(KEY, CONTEXT._replace(version=8), b"one", ENTROPY),
        seal(KEY, CONTEXT, b"one", bytes(31) + b"\1"),
    ]
    assert len({each[:24] for each in [one, *others]}) == 4


@pytest.mark.parametrize("change", [{"vault_id": bytes(15)}, {"subject": bytes(17)}], ids=str)
def test_ids_of_another_length_are_a_mistake_of_the_caller(change):
    with pytest.raises(ValueError, match="16"):
        CONTEXT._replace(**change).encode()


def test_entropy_of_another_length_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="32"):
        seal(KEY, CONTEXT, b"x", bytes(31))


@pytest.mark.parametrize("padding", [b"\0" * 251 + b"\1", b"\0" * 508], ids=["not zero", "too much"])
def test_another_padding_than_the_one_specified_is_refused(padding):
    unpadded = CONTEXT._replace(kind=Kind.DEK)
    derived = unpadded._replace(kind=Kind.META)
    framed = (0).to_bytes(4) + padding
    envelope = _seal_raw(derived, framed)
    with pytest.raises(OpenFailedError):
        open_envelope(KEY, derived, envelope)
    assert open_envelope(KEY, derived, _seal_raw(derived, (3).to_bytes(4) + b"abc" + bytes(249))).reveal() == b"abc"


def _seal_raw(context, framed):
    """An envelope around a frame as it is, which :func:`seal` would not make."""
    from pandora_core.vault.crypto import kdf

    keys = kdf.derive(KEY.view, salt=bytes(24), info=context.encode(), size_bytes=76).reveal()
    return bytes(24) + keys[44:] + AESGCM(keys[:32]).encrypt(keys[32:44], framed, None)


@given(st.integers(0, PLAINTEXT_LIMIT_BYTES))
@settings(max_examples=300)
def test_padding_hides_the_length_and_costs_an_eighth_at_most(size):
    padded = padded_size(size)
    assert padded >= size + 4
    assert padded % 256 == 0
    assert padded <= max((size + 4) * 1.125 + 1, size + 4 + 255)
    assert padded_size(padded - 4) == padded  # the greatest length of its class
    assert padded <= padded_size(size + 1)


def test_a_plaintext_past_the_limit_is_refused():
    with pytest.raises(VaultError):
        seal(KEY, CONTEXT, bytes(PLAINTEXT_LIMIT_BYTES + 1), ENTROPY)
