"""Roots, manifests, the audit trail and the witness: what was changed is seen, and what cannot be seen is said."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vault_samples import EACH_PROFILE, OTHER_ID, VAULT_ID, assert_none_opens, cuts, flips

from pandora_core.errors import OpenFailedError, TamperedError, VaultFormatError
from pandora_core.vault.crypto import providers
from pandora_core.vault.crypto.profiles import CNSA, HIGH
from pandora_core.vault.crypto.secret import Secret
from pandora_core.vault.format import audit, manifest, witness
from pandora_core.vault.format.audit import Checkpoint, Record
from pandora_core.vault.format.manifest import NO_DIGEST, Head, Manifest, Roots, Table, leaf, signer_digest
from pandora_core.vault.format.witness import Witness

KEY = Secret.copy_of(b"a" * 32)
ROOTS = Roots(b"e" * 48, b"s" * 48, b"k" * 48)


def chain(length, profile=HIGH, signer=b"p" * 48):
    """A chain of manifests."""
    made, previous = [], NO_DIGEST
    for number in range(1, length + 1):
        audit_head = Head(number, bytes((number,)) * 48)
        made.append(
            Manifest(profile, VAULT_ID, number, 1_700_000_000_000 + number, 1, ROOTS, audit_head, previous, signer)
        )
        previous = made[-1].hash
    return made


def trail(length):
    """An audit trail: its records and the head before each."""
    head, records = audit.start(VAULT_ID), []
    for number in range(length):
        record = Record(at_ms=number, actor="kim", host="ws-1", kind="get", subject=str(number))
        records.append(audit.append(KEY, HIGH, VAULT_ID, 1, head, record))
        head = Head(records[-1].sequence, records[-1].hash)
    return records


def test_a_root_is_that_of_the_specification():
    rows = {bytes((n % 3,)) + bytes((n,)) * 15: [n, None, b"blob" * n] for n in range(7)}
    table = Table((key, leaf(key, columns)) for key, columns in rows.items())
    buckets = []
    for number in range(256):
        leaves = b""
        for key in sorted(key for key in rows if key[0] == number):
            columns = rows[key]
            blob = columns[2]
            encoded = (8).to_bytes(4) + columns[0].to_bytes(8) + b"\xff" * 4 + len(blob).to_bytes(4) + blob
            leaves += hashlib.sha384(b"\0" + (16).to_bytes(2) + key + b"\3" + encoded).digest()
        buckets.append(hashlib.sha384(b"\1" + leaves).digest() if leaves else bytes(48))
    assert table.root() == hashlib.sha384(b"\2" + (7).to_bytes(8) + b"".join(buckets)).digest()


@given(st.lists(st.tuples(st.binary(min_size=16, max_size=24), st.booleans()), max_size=40))
def test_a_root_depends_on_the_rows_and_not_on_the_way_to_them(changes):
    table, rows = Table(), {}
    for at, (key, keep) in enumerate(changes):
        if keep or key not in rows:
            rows[key] = leaf(key, [at])
            table.put(key, rows[key])
        else:
            del rows[key]
            table.remove(key)
        table.root()
    assert table.root() == Table(rows.items()).root()


def test_any_change_of_rows_changes_the_root():
    rows = {bytes((n,)) * 16: [1, b"x", None] for n in range(4)}

    def root(changed):
        return Table((key, leaf(key, columns)) for key, columns in changed.items()).root()

    first, second, *_ = rows
    others = [
        {key: columns for key, columns in rows.items() if key != first},
        rows | {first: [2, b"x", None]},
        rows | {first: [1, b"x", b""]},
        rows | {first: [1, b"", b"x"]},
        rows | {first: [1, b"x"]},
        rows | {b"z" * 16: [1, b"x", None]},
        rows | {first: rows[second], second: [3, b"", None]},
    ]
    assert len({root(rows), *map(root, others)}) == len(others) + 1


@EACH_PROFILE
def test_a_manifest_is_signed_and_read_back(provider, profile):
    pair, other = (providers.new_signing_key(provider, profile.signature) for _ in range(2))
    (made,) = chain(1, profile, signer_digest(pair.public_key))
    signature = made.sign(provider, pair.seed)
    read = Manifest.decode(made.encode())
    assert (read, len(made.encode())) == (made, 340)
    for judge in providers.present():
        read.verify(judge, pair.public_key, signature)
    with pytest.raises(TamperedError):
        read.verify(provider, other.public_key, signature)
    with pytest.raises(OpenFailedError):
        replace(read, number=2).verify(provider, pair.public_key, signature)


def test_every_flip_and_cut_of_a_manifest_or_its_signature_is_refused(provider):
    pair = providers.new_signing_key(provider, CNSA.signature)
    (made,) = chain(1, CNSA, signer_digest(pair.public_key))
    body, signature = made.encode(), made.sign(provider, pair.seed)

    def opens(data):
        Manifest.decode(data[:340]).verify(provider, pair.public_key, data[340:])

    opens(body + signature)
    assert_none_opens(flips(body, step=3), lambda data: opens(data + signature))
    assert_none_opens(flips(signature, step=97), lambda data: opens(body + data))
    assert_none_opens(cuts(body + signature, step=499), opens)


def test_a_chain_of_manifests_holds_and_any_break_of_it_is_seen():
    made = chain(4)
    for previous, each in zip([None, *made], made, strict=False):
        each.check_follows(previous)
    breaks = [(made[0], made[2]), (made[1], made[1]), (None, made[1]), (made[0], made[0])]
    breaks += [(made[0], replace(made[1], vault_id=OTHER_ID)), (replace(made[0], at_ms=5), made[1])]
    for previous, each in breaks:
        with pytest.raises(TamperedError):
            each.check_follows(previous)


@pytest.mark.parametrize("what", ["entries", "slots", "keys"])
def test_a_table_that_differs_from_what_was_signed_is_named(what):
    (made,) = chain(1)
    made.check_state(ROOTS, made.audit)
    with pytest.raises(TamperedError, match=what):
        made.check_state(replace(ROOTS, **{what: bytes(48)}), made.audit)
    with pytest.raises(TamperedError, match="audit"):
        made.check_state(ROOTS, Head(1, bytes(48)))


def test_audit_records_are_read_back_and_chained():
    records, head = trail(5), audit.start(VAULT_ID)
    assert audit.follow(head, records) == Head(5, records[-1].hash)
    for number, record in enumerate(records):
        assert audit.open_record(KEY, HIGH, VAULT_ID, head.hash, record).subject == str(number)
        expected = b"\3" + head.hash + record.sequence.to_bytes(8) + (1).to_bytes(4) + record.sealed
        assert record.hash == hashlib.sha384(expected).digest()
        head = Head(record.sequence, record.hash)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda r: [*r[:2], r[2]._replace(sealed=r[2].sealed[:-1] + b"\0"), *r[3:]],
        lambda r: [*r[:2], r[2]._replace(epoch=2), *r[3:]],
        lambda r: [r[0], r[2], r[1], *r[3:]],
        lambda r: [*r[:2], *r[3:]],
        lambda r: r[1:],
        lambda r: [*r[:2], r[1], *r[2:]],
    ],
    ids=["edit", "epoch", "reorder", "middle cut", "head cut", "repeat"],
)
def test_what_happens_to_the_trail_is_seen_without_any_key(spoil):
    with pytest.raises(TamperedError, match="record"):
        audit.follow(audit.start(VAULT_ID), spoil(trail(5)))


def test_a_cut_tail_is_not_seen_by_the_chain_alone():
    records = trail(5)
    assert audit.follow(audit.start(VAULT_ID), records[:3]).sequence == 3


def test_a_made_up_record_has_the_right_hash_and_does_not_open():
    records = trail(2)
    forged = audit.append(
        Secret(32), HIGH, VAULT_ID, 1, Head(2, records[-1].hash), Record(at_ms=0, actor="", host="", kind="x")
    )
    audit.follow(audit.start(VAULT_ID), [*records, forged])
    with pytest.raises(OpenFailedError):
        audit.open_record(KEY, HIGH, VAULT_ID, records[-1].hash, forged)


def test_a_checkpoint_is_signed_and_read_back(provider):
    pair, other = (providers.new_signing_key(provider, CNSA.signature) for _ in range(2))
    made = Checkpoint(CNSA, VAULT_ID, Head(7, b"h" * 48), 1, signer_digest(pair.public_key))
    signature = made.sign(provider, pair.seed)
    read = Checkpoint.decode(made.encode())
    assert (read, len(made.encode())) == (made, 136)
    read.verify(provider, pair.public_key, signature)
    with pytest.raises(OpenFailedError):
        replace(read, at_ms=2).verify(provider, pair.public_key, signature)
    with pytest.raises(TamperedError):
        read.verify(provider, other.public_key, signature)


def test_signatures_of_one_kind_do_not_pass_for_another(provider):
    pair = providers.new_signing_key(provider, CNSA.signature)
    (made,) = chain(1, CNSA, signer_digest(pair.public_key))
    signature = provider.signer(CNSA.signature).sign(pair.seed.view, made.encode(), audit.SIGNATURE_CONTEXT)
    assert audit.SIGNATURE_CONTEXT != manifest.SIGNATURE_CONTEXT
    with pytest.raises(OpenFailedError):
        made.verify(provider, pair.public_key, signature)


@pytest.mark.parametrize("form", [witness.line, witness.code], ids=["line", "code"])
def test_a_witness_passes_a_vault_that_went_on_and_no_other(form):
    made = chain(5)
    seen = witness.parse(form(made[2]))
    seen.compare(made)
    seen.compare(made[2:])
    with pytest.raises(TamperedError, match="rolled back"):
        seen.compare(made[:2])
    with pytest.raises(TamperedError, match="history"):
        seen.compare([*made[:2], replace(made[2], at_ms=7)])
    with pytest.raises(TamperedError, match="another vault"):
        seen.compare([replace(each, vault_id=OTHER_ID) for each in made])


def test_the_forms_of_a_witness_are_those_of_the_specification():
    (made,) = chain(1)
    line = witness.line(made)
    assert line == f"pandora-witness/v1 {VAULT_ID.hex()} 1 1 {made.hash.hex()} 2023-11-14T22:13:20.001+00:00"
    assert witness.parse(f"Nov 14 22:13:20 ws-1 pandora[7]: {line}\n") == Witness.of(made)
    assert len(witness.code(made).replace("-", "")) == 53
    body = b"\1" + VAULT_ID[:4] + (1).to_bytes(5) + made.hash[:20]
    assert witness._from_base32(witness.code(made).replace("-", "")) == body + hashlib.sha384(body).digest()[:3]


def test_a_code_may_be_typed_as_people_type():
    (made,) = chain(1)
    code = witness.code(made)
    typed = code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert witness.parse(typed) == witness.parse(code)


def test_a_mistyped_code_is_refused():
    (made,) = chain(1)
    letters = witness.code(made).replace("-", "")
    for at, letter in enumerate(letters):
        other = "2" if letter != "2" else "3"
        with pytest.raises(VaultFormatError):
            witness.parse(letters[:at] + other + letters[at + 1 :])
    for text in ("", letters[:-1], letters + "0", "U" * 53, "pandora-witness/v1 00"):
        with pytest.raises(VaultFormatError):
            witness.parse(text)
