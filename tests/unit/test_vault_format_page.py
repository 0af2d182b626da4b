"""The specification and the code name the same constants."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pandora_core.vault.crypto import kdf
from pandora_core.vault.crypto.envelope import _PADDED, Kind
from pandora_core.vault.crypto.profiles import PROFILES, SIGNATURES, SUITES
from pandora_core.vault.format import audit, bundle, handover, header, keyfile, manifest, sealed, slots, witness
from pandora_core.vault.format.keyring import ItemType
from pandora_core.vault.format.slots import SlotType

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "vault-format.md").read_text()


def test_the_kinds_of_contexts_are_those_of_the_page():
    rows = re.findall(r"^\| (\d+) \| ([A-Z_]+) \|.*\| ([^|]*) \|$", PAGE, re.MULTILINE)
    assert {(int(number), name) for number, name, _ in rows} == {(kind.value, kind.name) for kind in Kind}
    assert {name for _, name, holds in rows if "padded" in holds} == {kind.name for kind in _PADDED}


def test_the_profiles_are_those_of_the_page():
    for profile in PROFILES:
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| {profile.id} | `{profile.name}`"))
        suite = profile.suite
        for word in (
            suite.name,
            profile.signature,
            f"(0x{suite.kem_id:04x}, 0x{suite.hash:04x}, 0x{suite.aead:04x})",
        ):
            assert word in row
    for suite in SUITES:
        assert f"| {suite.name} | {suite.public_key_bytes}" in PAGE
        assert f"`{suite.recipient_prefix}1…`" in PAGE
        assert f"`{suite.identity_prefix.upper()}1…`" in PAGE
    for sizes in (SIGNATURES["ML-DSA-65"], SIGNATURES["ML-DSA-87"]):
        assert str(sizes.public_key) in PAGE
        assert str(sizes.signature) in PAGE


@pytest.mark.parametrize(
    "label",
    [
        *(each.SIGNATURE_CONTEXT for each in (manifest, audit, handover, bundle)),
        *(each.MAGIC for each in (header, slots, manifest, audit, handover, sealed, keyfile)),
        bundle.VERSION_LINE,
        witness.VERSION.encode(),
        slots._HPKE_LABEL,
        sealed._HPKE_LABEL,
        keyfile._ID_LABEL,
        audit._CHAIN_LABEL,
    ],
    ids=lambda label: label.decode(),
)
def test_every_label_is_on_the_page(label):
    assert label.decode() in PAGE


def test_the_types_of_slots_and_keyring_items_are_those_of_the_page():
    for number, words in {
        1: "passphrase",
        2: "key file",
        3: "passphrase and key file",
        4: "recipient",
        5: "recovery",
    }.items():
        assert SlotType(number)
        assert re.search(rf"^\| {number} \| {words}", PAGE, re.MULTILINE)
    for item in ItemType:
        assert re.search(rf"^\| {item.value} \| {item.name.lower().replace('_', ' ')}", PAGE, re.MULTILINE), item


def test_the_bounds_of_argon2id_are_those_of_the_page():
    for bounds in (kdf.MEMORY_KIB, kdf.PASSES, kdf.LANES):
        assert f"| {bounds.start:,} |" in PAGE
        assert f"| {bounds.stop - 1:,} |" in PAGE
    assert f"{kdf.WORK_LIMIT_KIB:,}" in PAGE
