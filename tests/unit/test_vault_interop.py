"""A vault made with one provider opens, verifies and rotates with the other."""

from __future__ import annotations

import io

import pytest

from pandora_core.vault.crypto import recipients
from pandora_core.vault.crypto.shares import Terms
from pandora_core.vault.format.manifest import leaf
from pandora_core.vault.format.unlocking import Shares
from pandora_core.vault.format.views import Changes
from pandora_core.vault.storage.ledger import _entry_key, _entry_leaf
from pandora_core.vault.storage.vault import Vault
from tests.providing import provider_named
from tests.unit.vault_made import KIM, WAY, draft, make, opened, values
from tests.unit.vault_samples import EACH_PROFILE

PAIRS = [("pyca", "liboqs"), ("liboqs", "pyca")]


@EACH_PROFILE
@pytest.mark.liboqs
@pytest.mark.parametrize(("maker", "other"), PAIRS, ids=lambda name: name)
def test_a_vault_of_one_provider_lives_on_with_the_other(tmp_path, profile, maker, other):
    first, second = provider_named(maker), provider_named(other)
    path, sink = tmp_path / "v" / "vault.db", io.BytesIO()
    with make(tmp_path / "v", profile=profile, provider=first, entries=2) as vault:
        card = recipients.generate(first, profile.suite)
        vault.add_slot(card.recipient, by=KIM, label="card")
        words = vault.add_slot(Terms(2, 2), by=KIM, label="safe").mnemonics
        vault.seal_file(io.BytesIO(b"evidence"), sink, name="e", by=KIM)
        vault.lock(by=KIM)
        vault.deposit(draft("deposited"), by=KIM)
    with Vault.open(path, provider=second) as vault:
        assert vault.unlock(card.identity, by=KIM).taken_in == ("deposited",)
        vault.lock(by=KIM)
        vault.unlock(Shares(words), by=KIM)
        assert vault.verify().problems == ()
        vault.rotate_epoch(by=KIM)
        vault.rotate_master([WAY], by=KIM)
        vault.rotate_signing(by=KIM)
        back = io.BytesIO()
        vault.open_file(io.BytesIO(sink.getvalue()), back, by=KIM)
        assert back.getvalue() == b"evidence"
        form = vault.witness(by=KIM)
        expected = values(vault)
    with opened(path, provider=first) as vault:
        assert vault.verify(form.line).problems == ()
        assert values(vault) == expected


def test_the_leaf_of_an_entry_is_that_of_the_specification(tmp_path):
    with make(tmp_path / "v", entries=2) as vault:
        vault.edit("entry 0", Changes(name="renamed"), by=KIM)
        rows = list(vault._database.entries())
        assert {row.name_tag is None for row in rows} == {True, False}
        for row in rows:
            assert _entry_leaf(_entry_key(row), row) == leaf(_entry_key(row), row[2:])
