"""What the database holds: header, keyring, entries; each opens in its place only, and noise is none of them."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from vault_samples import EACH_PROFILE, OTHER_ID, VAULT_ID, assert_none_opens, cuts, flips

from pandora_core.errors import OpenFailedError, VaultFormatError
from pandora_core.vault.crypto import providers, recipients
from pandora_core.vault.crypto.profiles import BUNDLE_SUITE, CNSA, HIGH, SIGNATURES
from pandora_core.vault.crypto.secret import Secret
from pandora_core.vault.format import audit, entry, handover, header, keyring, manifest, slots
from pandora_core.vault.format.entry import Address, Field, Meta, Opener
from pandora_core.vault.format.keyring import ItemName, ItemType, Keyring

MASTER, KEK = Secret.copy_of(b"m" * 32), Secret.copy_of(b"k" * 32)
ADDRESS = Address(HIGH, VAULT_ID, OTHER_ID, version=3, written_epoch=1)
META = Meta(name="IBM token", kind="token", created_ms=1, changed_ms=2, tags=("ibm",), fields=("token",))


def make_header(provider, profile):
    public = header.PublicKeys(
        bytes(SIGNATURES[profile.signature].public_key),
        recipients.generate(provider, profile.suite).recipient,
        recipients.generate(provider, BUNDLE_SUITE).recipient,
    )
    return header.Header.create(profile, VAULT_ID, MASTER, KEK, public)


@EACH_PROFILE
def test_a_header_gives_the_kek_to_the_master_key_it_commits_to(provider, profile):
    made = make_header(provider, profile)
    read = header.Header.decode(made.encode())
    assert read == made
    assert read.unwrap_kek(MASTER) == KEK
    with pytest.raises(OpenFailedError):
        read.unwrap_kek(KEK)
    moved = read.with_epoch(MASTER, 2, Secret.copy_of(b"n" * 32))
    assert moved.unwrap_kek(MASTER).reveal() == b"n" * 32
    with pytest.raises(OpenFailedError):
        replace(moved, epoch=1).unwrap_kek(MASTER)
    with pytest.raises(OpenFailedError):
        replace(moved, generation=2).unwrap_kek(MASTER)


def test_every_flip_of_a_headers_secret_part_and_every_cut_is_refused(provider):
    data = make_header(provider, CNSA).encode()

    def opens(spoiled):
        return header.Header.decode(spoiled).unwrap_kek(MASTER)

    assert_none_opens(flips(data[:168]), lambda head: opens(head + data[168:]))
    assert_none_opens(cuts(data, step=53), opens)


@EACH_PROFILE
def test_a_keyring_is_read_back_and_gives_the_newest_of_each(profile):
    ring = keyring.fresh(profile, 1)
    ring.add(ItemType.SIGNING_SEED, 1, Secret.copy_of(b"s" * 32))
    later = Secret.random(keyring.item_bytes(profile, ItemType.RECIPIENT_SEED))
    ring.add(ItemType.RECIPIENT_SEED, 2, later)
    ring.replace(ItemType.INDEX_KEY, 2, Secret.copy_of(b"i" * 32))
    read = Keyring.open(KEK, profile, VAULT_ID, 2, ring.seal(KEK, VAULT_ID, 2))
    assert read.current(ItemType.INDEX_KEY).reveal() == b"i" * 32
    assert [identity.seed == later for identity in read.identities(ItemType.RECIPIENT_SEED)] == [True, False]
    assert read.identities(ItemType.BUNDLE_SEED)[0].suite is BUNDLE_SUITE
    assert read.audit_key(1) == ring.audit_key(1)
    for missing in (lambda: read.audit_key(2), lambda: Keyring(profile, {}).current(ItemType.SIGNING_SEED)):
        with pytest.raises(VaultFormatError):
            missing()
    read.wipe()
    with pytest.raises(VaultFormatError):
        read.audit_key(1)


def test_a_keyring_opens_for_its_epoch_only():
    sealed = keyring.fresh(HIGH, 1).seal(KEK, VAULT_ID, 1)
    for wrong in (
        (KEK, HIGH, VAULT_ID, 2),
        (KEK, CNSA, VAULT_ID, 1),
        (KEK, HIGH, OTHER_ID, 1),
        (MASTER, HIGH, VAULT_ID, 1),
    ):
        with pytest.raises(OpenFailedError):
            Keyring.open(*wrong, sealed)
    assert_none_opens(flips(sealed, step=3), lambda data: Keyring.open(KEK, HIGH, VAULT_ID, 1, data))


@pytest.mark.parametrize(
    "content",
    [
        bytes((9,)) + (1).to_bytes(4) + (32).to_bytes(2) + bytes(32),
        bytes((1,)) + (1).to_bytes(4) + (31).to_bytes(2) + bytes(31),
        (bytes((1,)) + (1).to_bytes(4) + (32).to_bytes(2) + bytes(32)) * 2,
        bytes((2,))
        + (1).to_bytes(4)
        + (32).to_bytes(2)
        + bytes(32)
        + bytes((1,))
        + (1).to_bytes(4)
        + (32).to_bytes(2)
        + bytes(32),
        bytes((1,)) + (1).to_bytes(4) + (32).to_bytes(2) + bytes(30),
    ],
    ids=["unknown", "short value", "twice", "out of order", "cut"],
)
def test_a_keyring_out_of_order_is_refused(content):
    with pytest.raises(VaultFormatError):
        Keyring.decode(HIGH, content)


def test_a_keyring_takes_one_item_of_a_type_and_epoch_of_the_right_length():
    ring = Keyring(HIGH, {ItemName(ItemType.AUDIT_KEY, 1): Secret(32)})
    for epoch, size in ((1, 32), (2, 31)):
        with pytest.raises(ValueError, match="AUDIT_KEY"):
            ring.add(ItemType.AUDIT_KEY, epoch, Secret(size))


@EACH_PROFILE
def test_an_entry_shows_its_meta_and_gives_its_values(profile):
    address = replace(ADDRESS, profile=profile)
    row = entry.seal_entry(
        KEK, 5, address, META, [Field("token", Secret.copy_of(b"s3cret")), Field("url", Secret(0))]
    )
    with entry.unwrap_dek(KEK, 5, address, row.wrapped) as dek:
        assert entry.open_meta(dek, address, row.meta) == META
        fields = entry.open_secret(dek, address, row.secret)
    assert [(field.name, field.value.reveal()) for field in fields] == [("token", b"s3cret"), ("url", b"")]
    assert len(row.meta) == len(row.secret) == 72 + 256


class Row(NamedTuple):
    """A version as the database has it."""

    id: bytes
    version: int
    epoch: int
    wrapped: bytes
    meta: bytes
    secret: bytes


def sealed_rows(values: Sequence[bytes], written_epoch: int = 1) -> dict[Row, Meta]:
    """Versions of one entry, each with META of another length, wrapped for epoch 1."""
    rows = {}
    for version, value in enumerate(values, start=1):
        meta = msgspec.structs.replace(META, name=f"entry {version}", note="x" * version**3)
        address = replace(ADDRESS, version=version, written_epoch=written_epoch)
        sealed = entry.seal_entry(KEK, 1, address, meta, [Field("token", Secret.copy_of(value))])
        rows[Row(address.entry_id, version, written_epoch, sealed.wrapped, sealed.meta, sealed.secret)] = meta
    return rows


@pytest.fixture
def opener() -> Iterator[Opener]:
    made = Opener(ADDRESS.profile, ADDRESS.vault_id)
    yield made
    made.wipe()


def test_many_versions_are_opened_in_the_same_memory_and_a_wrong_one_is_refused(opener):
    rows = sealed_rows([b"value" * number**3 for number in range(20)], written_epoch=4)
    for row, meta in rows.items():
        dek = opener.unwrap(KEK, 1, row)
        assert opener.meta(dek, row) == meta
        (field,) = opener.fields(dek, row, row.secret)
        assert field.value.reveal() == b"value" * (row.version - 1) ** 3
    first, second = list(rows)[:2]
    for spoiled in (
        first._replace(wrapped=second.wrapped),
        first._replace(meta=second.meta),
        first._replace(secret=second.secret),
        first._replace(version=2),
        first._replace(epoch=1),
        first._replace(meta=first.secret),
        first._replace(meta=bytes(100_000)),
        first._replace(meta=b""),
        first._replace(secret=b""),
        first._replace(secret=bytes(60_000)),
    ):
        with pytest.raises(OpenFailedError):
            read(opener, spoiled)
    assert read(opener, first) == rows[first]


def read(opener: Opener, row: Row) -> Meta:
    dek = opener.unwrap(KEK, 1, row)
    meta = opener.meta(dek, row)
    opener.fields(dek, row, row.secret)
    return meta


def test_an_opener_that_was_cleared_holds_nothing(opener):
    (row,) = sealed_rows([b"value"])
    read(opener, row)
    scratches = opener._deks, opener._metas, opener._secrets
    assert any(bytes(scratch._secret.view).strip(b"\0") for scratch in scratches)
    opener.clear()
    assert not any(bytes(scratch._secret.view).strip(b"\0") for scratch in scratches)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0",
        b"\0\1",
        b"\0\1\1",
        b"\0\1\1a\0\0\0",
        b"\0\1\1a\0\0\0\2x",
        b"\0\1\1a\xff\xff\xff\xffx",
        b"\0\1\1a\0\0\0\1xy",
        b"\0\0x",
        b"\0\1\0\0\0\0\1x",
        b"\0\1\1\xff\0\0\0\1x",
        b"\0\2\1a\0\0\0\1x\1a\0\0\0\1y",
        b"\4\1",
    ],
)
def test_fields_out_of_bounds_are_refused(content):
    with pytest.raises(VaultFormatError):
        entry.decode_fields(content)


@given(st.dictionaries(st.text(min_size=1, max_size=20), st.binary(max_size=60), max_size=6))
def test_fields_come_out_as_they_went_in(values):
    content = entry.encode_fields([Field(name, Secret.copy_of(value)) for name, value in values.items()])
    found = entry.decode_fields(content.view)
    assert {field.name: field.value.reveal() for field in found} == values
    for cut in range(len(content)):
        with pytest.raises(VaultFormatError):
            entry.decode_fields(content.view[:cut])


def test_a_meta_that_is_too_long_is_refused():
    with pytest.raises(VaultFormatError, match="too long"):
        entry.seal_entry(KEK, 1, ADDRESS, msgspec.structs.replace(META, note="x" * 60_000), [])


def test_a_rekey_wraps_the_dek_anew_and_leaves_the_rest():
    row = entry.seal_entry(KEK, 1, ADDRESS, META, [])
    with entry.unwrap_dek(KEK, 1, ADDRESS, row.wrapped) as dek:
        wrapped = entry.wrap_dek(MASTER, 2, ADDRESS, dek)
    with entry.unwrap_dek(MASTER, 2, ADDRESS, wrapped) as dek:
        assert entry.open_meta(dek, ADDRESS, row.meta) == META
    with pytest.raises(OpenFailedError):
        entry.unwrap_dek(MASTER, 1, ADDRESS, wrapped)


def test_two_versions_never_share_a_dek_and_do_not_open_in_each_others_place():
    later = replace(ADDRESS, version=4)
    rows = {address: entry.seal_entry(KEK, 1, address, META, []) for address in (ADDRESS, later)}
    with pytest.raises(OpenFailedError):
        entry.unwrap_dek(KEK, 1, later, rows[ADDRESS].wrapped)
    with entry.unwrap_dek(KEK, 1, ADDRESS, rows[ADDRESS].wrapped) as dek:
        for place in (later, replace(ADDRESS, written_epoch=2), replace(ADDRESS, entry_id=VAULT_ID)):
            with pytest.raises(OpenFailedError):
                entry.open_meta(dek, place, rows[ADDRESS].meta)
        with pytest.raises(OpenFailedError):
            entry.open_meta(dek, ADDRESS, rows[ADDRESS].secret)


def test_a_name_is_looked_up_by_a_keyed_hash_of_its_nfc_form():
    key = Secret.copy_of(b"i" * 32)
    expected = hmac.digest(b"i" * 32, "Café".encode(), "sha384")[:24]
    assert entry.name_tag(key, "Café") == entry.name_tag(key, "Cafe\u0301") == expected
    assert entry.name_tag(KEK, "Café") != expected


@given(st.dictionaries(st.text(min_size=1, max_size=60), st.binary(max_size=300), max_size=8))
def test_fields_of_any_name_and_value_come_back_in_order(fields):
    given_fields = [Field(name, Secret.copy_of(value)) for name, value in fields.items()]
    content = entry.encode_fields(given_fields)
    found = entry.decode_fields(content.view)
    assert [(field.name, field.value.reveal()) for field in found] == list(fields.items())


@pytest.mark.parametrize(
    "names", [["a", "a"], [""], ["x" * 256], [str(n) for n in range(1025)]], ids=lambda n: n[0][:3]
)
def test_fields_that_cannot_be_told_apart_are_refused(names):
    with pytest.raises(VaultFormatError):
        entry.encode_fields([Field(name, Secret(1)) for name in names])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\1",
        b"\0\1\0" + bytes(4),
        b"\0\1\1\xff" + bytes(4),
        b"\0\2" + b"\1a\0\0\0\0" * 2,
        b"\0\1\1a\xff\xff\xff\xff",
        b"\0\0x",
        b"\xff\xff",
    ],
)
def test_hostile_fields_are_refused(content):
    with pytest.raises(VaultFormatError):
        entry.decode_fields(content)


@given(
    st.binary(max_size=500),
    st.sampled_from([b"", b"PVHD\1\1\0\0", b"PVSL\1\1\1\0", b"PVSL\1\5\2\0", b"PVMF\1\1\0\0", b"PVCP\1\3\0\0"]),
)
def test_noise_is_refused_by_every_decoder_as_noise(noise, head):
    for decode in (
        header.Header.decode,
        slots.decode,
        manifest.Manifest.decode,
        audit.Checkpoint.decode,
        handover.Handover.decode,
        lambda data: Keyring.decode(HIGH, b"\xee" + data),
    ):
        with pytest.raises(VaultFormatError):
            decode(head + noise)


def test_a_handover_holds_when_both_keys_signed_it(provider):
    old, new, other = (providers.new_signing_key(provider, CNSA.signature) for _ in range(3))
    made = handover.Handover.between(CNSA, VAULT_ID, 9, old.public_key, new.public_key)
    signatures = made.sign(provider, old, new)
    read = handover.Handover.decode(made.encode())
    assert len(made.encode()) == 128
    read.verify(provider, old.public_key, new.public_key, signatures)
    with pytest.raises(OpenFailedError):
        read.verify(provider, old.public_key, new.public_key, signatures._replace(old=signatures.new))
    from pandora_core.errors import TamperedError

    with pytest.raises(TamperedError):
        read.verify(provider, old.public_key, other.public_key, signatures)
