"""Slots: every way in, hostile headers, and wrapping anew."""

from __future__ import annotations

from dataclasses import replace

import pytest
from vault_samples import CHEAP, EACH_PROFILE, OTHER_ID, VAULT_ID, assert_none_opens, cuts, flips

from pandora_core.errors import OpenFailedError, VaultError, VaultFormatError
from pandora_core.vault.crypto import hpke, kdf, recipients
from pandora_core.vault.crypto.envelope import Context, Kind, open_envelope
from pandora_core.vault.crypto.profiles import CNSA, HIGH, STANDARD
from pandora_core.vault.crypto.secret import Secret
from pandora_core.vault.crypto.shares import Terms
from pandora_core.vault.format import slots
from pandora_core.vault.format.keyfile import KeyFile
from pandora_core.vault.format.slots import Credentials, Place, SlotType

MASTER = Secret.copy_of(bytes(range(100, 132)))
PASSPHRASE = Secret.copy_of(b"correct horse battery staple")
KEY_FILE = KeyFile(Secret.copy_of(bytes(32)))
WAYS = {
    SlotType.PASSPHRASE: Credentials(PASSPHRASE),
    SlotType.KEY_FILE: Credentials(key_file=KEY_FILE),
    SlotType.PASSPHRASE_AND_KEY_FILE: Credentials(PASSPHRASE, KEY_FILE),
}


@pytest.fixture
def quick_argon2(monkeypatch):
    """A stand-in for Argon2id where a test opens a slot thousands of times; still a function of all its inputs."""

    def stretch(passphrase, salt, cost):
        info = repr((cost.memory_kib, cost.passes, cost.lanes)).encode()
        return kdf.derive(passphrase.view, salt=salt, info=info, size_bytes=32)

    monkeypatch.setattr(kdf, "stretch_passphrase", stretch)


def place(profile=HIGH):
    return Place(profile, VAULT_ID, OTHER_ID, generation=1)


@pytest.mark.parametrize("type_", WAYS, ids=lambda type_: type_.name)
def test_credentials_open_their_slot_and_its_bytes_have_the_specified_length(type_):
    slot = slots.wrap_for_credentials(place(), MASTER, WAYS[type_], CHEAP)
    assert slot.type is type_
    data = slot.encode()
    assert len(data) == {1: 192, 2: 164, 3: 208}[type_]
    assert data[:8] == b"PVSL\1" + bytes((type_, 1, 0))
    assert slots.decode(data) == slot
    assert slots.unwrap_with_credentials(slots.decode(data), WAYS[type_]) == MASTER


@pytest.mark.parametrize("type_", WAYS, ids=lambda type_: type_.name)
def test_other_credentials_do_not_open_a_slot(type_, quick_argon2):
    slot = slots.wrap_for_credentials(place(), MASTER, WAYS[type_], CHEAP)
    wrong = Secret.copy_of(b"correct horse battery stable")
    attempts = [way for other, way in WAYS.items() if other is not type_]
    attempts += [Credentials(wrong), Credentials(wrong, KEY_FILE), Credentials(PASSPHRASE, KeyFile.generate())]
    for attempt in attempts:
        with pytest.raises(OpenFailedError):
            slots.unwrap_with_credentials(slot, attempt)


@EACH_PROFILE
def test_a_recipients_identity_opens_its_slot_and_no_other_does(provider, profile):
    mine, other = (recipients.generate(provider, profile.suite) for _ in range(2))
    slot = slots.decode(slots.wrap_for_recipient(provider, place(profile), MASTER, mine.recipient).encode())
    assert slots.unwrap_with_identity(provider, slot, mine.identity) == MASTER
    with pytest.raises(OpenFailedError):
        slots.unwrap_with_identity(provider, slot, other.identity)


@EACH_PROFILE
def test_a_recipients_slot_can_be_opened_from_the_specification_alone(provider, profile):
    mine = recipients.generate(provider, profile.suite)
    data = slots.wrap_for_recipient(provider, place(profile), MASTER, mine.recipient).encode()
    enc_at = 44 + profile.suite.public_key_bytes
    enc_end = enc_at + profile.suite.enc_bytes
    sealed = hpke.Sealed(data[enc_at:enc_end], data[enc_end : enc_end + 48])
    info = b"pandora-vault/v1 slot" + data[:enc_at]
    with hpke.open_sealed(provider, profile.suite, mine.identity.seed.view, info, sealed) as slot_key:
        context = Context(Kind.MASTER, profile, VAULT_ID, OTHER_ID, 1, extra=data[:-104])
        assert open_envelope(slot_key, context, data[-104:]) == MASTER


@EACH_PROFILE
def test_enough_shares_open_their_slot(provider, profile):
    made = slots.wrap_for_shares(provider, place(profile), MASTER, Terms(2, 3))
    slot = slots.decode(made.slot.encode())
    assert (slot.terms, slot.identifier) == (Terms(2, 3), made.slot.identifier)
    for left_out in range(3):
        given = [words for at, words in enumerate(made.mnemonics) if at != left_out]
        assert slots.unwrap_with_shares(provider, slot, given) == MASTER


def test_shares_of_another_slot_do_not_open(provider):
    made = slots.wrap_for_shares(provider, place(CNSA), MASTER, Terms(2, 2))
    elsewhere = slots.wrap_for_shares(provider, replace(place(CNSA), slot_id=VAULT_ID), MASTER, Terms(2, 2))
    with pytest.raises(OpenFailedError):
        slots.unwrap_with_shares(provider, made.slot, elsewhere.mnemonics)


@pytest.mark.parametrize("type_", WAYS, ids=lambda type_: type_.name)
def test_every_flip_and_cut_of_a_slot_for_credentials_is_refused(type_, quick_argon2):
    data = slots.wrap_for_credentials(place(), MASTER, WAYS[type_], CHEAP).encode()

    def opens(spoiled):
        return slots.unwrap_with_credentials(slots.decode(spoiled), WAYS[type_])

    assert_none_opens(flips(data), opens)
    assert_none_opens(cuts(data), opens)


@EACH_PROFILE
def test_every_flip_and_cut_of_a_slot_with_a_public_key_is_refused(provider, profile):
    made = recipients.generate(provider, profile.suite)
    data = slots.wrap_for_recipient(provider, place(profile), MASTER, made.recipient).encode()

    def opens(spoiled):
        return slots.unwrap_with_identity(provider, slots.decode(spoiled), made.identity)

    assert_none_opens(flips(data[:48]), lambda head: opens(head + data[48:]))
    assert_none_opens(flips(data, step=23), opens)
    assert_none_opens(flips(data[-152:]), lambda tail: opens(data[:-152] + tail))
    assert_none_opens(cuts(data, step=97), opens)


@pytest.mark.parametrize("offset", [44, 48, 52], ids=["memory", "passes", "lanes"])
@pytest.mark.parametrize("number", [0, 2**32 - 1, 2**24])
def test_a_hostile_cost_is_refused_before_argon2_is_reached(monkeypatch, quick_argon2, offset, number):
    data = bytearray(slots.wrap_for_credentials(place(), MASTER, WAYS[SlotType.PASSPHRASE], CHEAP).encode())
    data[offset : offset + 4] = number.to_bytes(4)
    monkeypatch.setattr(kdf, "stretch_passphrase", lambda *_: pytest.fail("it was run"))
    with pytest.raises(VaultFormatError):
        slots.decode(data)


@EACH_PROFILE
def test_a_slot_with_a_public_key_is_wrapped_anew_without_its_secret(provider, profile):
    made = slots.wrap_for_shares(provider, place(profile), MASTER, Terms(2, 2))
    next_master = Secret.random(32)
    slot = slots.decode(slots.rewrap(provider, made.slot, 2, next_master).encode())
    assert slots.unwrap_with_shares(provider, slot, made.mnemonics) == next_master
    assert slots.unwrap_with_shares(provider, made.slot, made.mnemonics) == MASTER
    assert slot.place.generation == 2


def test_a_slot_for_a_key_file_is_not_wrapped_anew_without_it(provider):
    slot = slots.wrap_for_credentials(place(), MASTER, WAYS[SlotType.KEY_FILE], CHEAP)
    with pytest.raises(VaultFormatError):
        slots.rewrap(provider, slot, 2, MASTER)


def test_a_recipient_of_another_profile_is_refused(provider):
    made = recipients.generate(provider, STANDARD.suite)
    with pytest.raises(VaultFormatError, match="MLKEM1024-P384"):
        slots.wrap_for_recipient(provider, place(HIGH), MASTER, made.recipient)


def test_a_slot_of_an_unknown_type_says_so():
    data = bytearray(slots.wrap_for_credentials(place(), MASTER, WAYS[SlotType.KEY_FILE], CHEAP).encode())
    data[5] = 9
    with pytest.raises(VaultFormatError, match="type 9"):
        slots.decode(data)


def test_a_slot_without_any_credential_is_refused():
    with pytest.raises(VaultError):
        slots.wrap_for_credentials(place(), MASTER, Credentials(), CHEAP)


def test_a_master_key_of_another_length_is_a_mistake_of_the_caller():
    with pytest.raises(ValueError, match="32"):
        slots.wrap_for_credentials(place(), PASSPHRASE, WAYS[SlotType.KEY_FILE], CHEAP)
