"""The tamper matrix: what a writer to the file does to rows is seen; what only a witness shows is said to be so."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pandora_core.errors import OpenFailedError, TamperedError, VaultFormatError
from pandora_core.vault.crypto.secret import Secret
from pandora_core.vault.format.entry import Field
from pandora_core.vault.format.keyfile import KeyFile
from pandora_core.vault.format.slots import Credentials
from pandora_core.vault.format.views import Changes
from pandora_core.vault.storage.vault import Vault
from tests.unit.vault_made import KIM, WAY, copied, draft, make, opened, tamper


@pytest.fixture(scope="module")
def reference(tmp_path_factory) -> Path:
    """A vault with entries, versions, slots, a handover, a checkpoint, a deposit, and reads behind the checkpoint."""
    folder = tmp_path_factory.mktemp("reference") / "v"
    with make(folder, entries=4) as vault:
        vault.edit("entry 1", Changes(set=(Field("token", Secret.copy_of(b"second")),)), by=KIM)
        vault.add_slot(Credentials(key_file=KeyFile(Secret.copy_of(b"o" * 32))), by=KIM, label="other")
        vault.rotate_signing(by=KIM)
        vault.put(draft("last"), by=KIM)
        vault.lock(by=KIM)
        vault.unlock(WAY, by=KIM)
        for number in range(4):
            vault.get(f"entry {number}", by=KIM).wipe()
            vault.write_reads()
        vault.lock(by=KIM)
        vault.deposit(draft("waiting"), by=KIM)
    return folder / "vault.db"


@pytest.fixture
def path(reference, tmp_path) -> Path:
    return copied(reference, tmp_path / "v")


def found(path: Path, witness: str = "") -> str:
    """How a change of the file is seen: while locked, at the unlock, or by a verification; empty if it is not."""
    try:
        with Vault.open(path) as vault:
            if problems := vault.verify(witness).problems:
                return f"locked: {problems}"
            vault.unlock(WAY, by=KIM)
            return f"unlocked: {problems}" if (problems := vault.verify(witness).problems) else ""
    except (TamperedError, OpenFailedError, VaultFormatError) as error:
        return f"open: {error}"


def run(*statements: str) -> Callable[[sqlite3.Connection], None]:
    def change(connection: sqlite3.Connection) -> None:
        for statement in statements:
            assert connection.execute(statement).rowcount != 0

    return change


def flip_bit(table: str, column: str, key: str) -> Callable[[sqlite3.Connection], None]:
    """Flip one bit in the middle of a column of a table's first row."""

    def change(connection: sqlite3.Connection) -> None:
        query = f"SELECT {key}, {column} FROM {table} WHERE length({column}) > 0 ORDER BY {key} DESC LIMIT 1"
        at, value = connection.execute(query).fetchone()
        changed = bytearray(value)
        changed[len(changed) // 2] ^= 1
        connection.execute(f"UPDATE {table} SET {column} = ? WHERE {key} = ?", (bytes(changed), at))

    return change


def replay_entry(connection: sqlite3.Connection) -> None:
    """Put the older version's row in the place of the newest."""
    id_, wrapped, meta, secret = connection.execute(
        "SELECT id, wrapped, meta, secret FROM entries WHERE version = 1 AND id IN"
        " (SELECT id FROM entries WHERE version = 2)"
    ).fetchone()
    connection.execute(
        "UPDATE entries SET wrapped = ?, meta = ?, secret = ? WHERE id = ? AND version = 2",
        (wrapped, meta, secret, id_),
    )


def put_sealed(connection: sqlite3.Connection, sealed: tuple[bytes, ...], id_: bytes, version: int) -> None:
    statement = "UPDATE entries SET wrapped = ?, meta = ?, secret = ? WHERE id = ? AND version = ?"
    assert connection.execute(statement, (*sealed, id_, version)).rowcount == 1


def swap_rows(connection: sqlite3.Connection) -> None:
    one, two = connection.execute(
        "SELECT id, wrapped, meta, secret FROM entries WHERE version = 1 LIMIT 2"
    ).fetchall()
    for target, source in ((one, two), (two, one)):
        connection.execute(
            "UPDATE entries SET wrapped = ?, meta = ?, secret = ? WHERE id = ? AND version = 1",
            (*source[1:], target[0]),
        )


def swap_tags(connection: sqlite3.Connection) -> None:
    query = "SELECT name_tag, id, version FROM entries WHERE name_tag IS NOT NULL LIMIT 2"
    (tag, *one), (other, *two) = connection.execute(query).fetchall()
    for value, place in ((other, one), (tag, two)):
        connection.execute("UPDATE entries SET name_tag = ? WHERE id = ? AND version = ?", (value, *place))


def add_slot(connection: sqlite3.Connection) -> None:
    id_, value, note = connection.execute("SELECT id, value, note FROM slots LIMIT 1").fetchone()
    new = os.urandom(16)
    connection.execute("INSERT INTO slots VALUES (?, ?, ?)", (new, value.replace(id_, new), note))


def reorder_audit(connection: sqlite3.Connection) -> None:
    connection.execute("UPDATE audit SET sequence = -1 WHERE sequence = 2")
    connection.execute("UPDATE audit SET sequence = 2 WHERE sequence = 3")
    connection.execute("UPDATE audit SET sequence = 3 WHERE sequence = -1")


MATRIX = {
    "bit flip in a wrapped DEK": flip_bit("entries", "wrapped", "id"),
    "bit flip in META": flip_bit("entries", "meta", "id"),
    "bit flip in SECRET": flip_bit("entries", "secret", "id"),
    "bit flip in a name tag": flip_bit("entries", "name_tag", "id"),
    "bit flip in the header": flip_bit("keys", "value", "name"),
    "bit flip in a slot": flip_bit("slots", "value", "id"),
    "bit flip in a slot's note": flip_bit("slots", "note", "id"),
    "bit flip in a manifest": flip_bit("manifests", "body", "number"),
    "bit flip in a manifest's signature": flip_bit("manifests", "signature", "number"),
    "bit flip in a checkpoint": flip_bit("checkpoints", "body", "sequence"),
    "bit flip in a checkpoint's signature": flip_bit("checkpoints", "signature", "sequence"),
    "bit flip in a handover": flip_bit("handovers", "body", "number"),
    "bit flip in a handover's key": flip_bit("handovers", "old", "number"),
    "bit flip in a handover's old signature": flip_bit("handovers", "old_signature", "number"),
    "bit flip in a handover's new signature": flip_bit("handovers", "new_signature", "number"),
    "row swap": swap_rows,
    "swap of name tags": swap_tags,
    "row deletion": run("DELETE FROM entries WHERE (id, version) IN (SELECT id, version FROM entries LIMIT 1)"),
    "deletion of an old version": run("DELETE FROM entries WHERE name_tag IS NULL"),
    "deletion of all entries": run("DELETE FROM entries"),
    "row added": run(
        "INSERT INTO entries SELECT randomblob(16), 1, epoch, NULL, wrapped, meta, secret FROM entries LIMIT 1"
    ),
    "old row replayed": replay_entry,
    "epoch of a row changed": run("UPDATE entries SET epoch = 2 WHERE version = 2"),
    "slot added": add_slot,
    "slot removed": run("DELETE FROM slots WHERE id IN (SELECT id FROM slots LIMIT 1)"),
    "all slots removed": run("DELETE FROM slots"),
    "keyring removed": run("DELETE FROM keys WHERE name = 'keyring'"),
    "header removed": run("DELETE FROM keys WHERE name = 'header'"),
    "key added": run("INSERT INTO keys VALUES ('other', x'00')"),
    "audit edit": run("UPDATE audit SET sealed = zeroblob(length(sealed)) WHERE sequence = 2"),
    "audit edit of the newest record": run(
        "UPDATE audit SET sealed = zeroblob(length(sealed)) WHERE sequence = (SELECT max(sequence) FROM audit)"
    ),
    "audit epoch changed": run("UPDATE audit SET epoch = 2 WHERE sequence = 2"),
    "audit hash changed": run("UPDATE audit SET hash = zeroblob(48) WHERE sequence = 2"),
    "audit reorder": reorder_audit,
    "audit middle cut": run("DELETE FROM audit WHERE sequence BETWEEN 2 AND 3"),
    "audit middle cut and closed": run(
        "DELETE FROM audit WHERE sequence BETWEEN 2 AND 3",
        "UPDATE audit SET sequence = sequence - 2 WHERE sequence = 4",
    ),
    "audit head cut": run("DELETE FROM audit WHERE sequence = 1"),
    "audit cut down to before the checkpoint": run("DELETE FROM audit WHERE sequence > 3"),
    "audit record made up": run(
        "INSERT INTO audit SELECT max(sequence) + 1, 1, zeroblob(400), zeroblob(48) FROM audit"
    ),
    "manifest removed": run("DELETE FROM manifests WHERE number = (SELECT max(number) FROM manifests)"),
    "manifest cut from the middle": run("DELETE FROM manifests WHERE number = 3"),
    "all manifests removed": run("DELETE FROM manifests"),
    "old manifest changed": run("UPDATE manifests SET body = zeroblob(340) WHERE number = 2"),
    "handover removed": run("DELETE FROM handovers"),
    "handover twice": run(
        "INSERT INTO handovers SELECT number + 1, body, old, old_signature, new_signature FROM handovers"
    ),
}


@pytest.mark.parametrize("how", MATRIX)
def test_a_change_of_rows_is_seen(path, how):
    assert found(path) == ""
    tamper(path, MATRIX[how])
    assert found(path) != ""


def test_what_is_seen_of_tables_and_trail_is_seen_without_any_key(path):
    for how in ("row swap", "row deletion", "old row replayed", "slot added", "slot removed", "audit middle cut"):
        spoiled = copied(path, path.parent.parent / how)
        tamper(spoiled, MATRIX[how])
        assert found(spoiled).startswith(("locked", "open")), how


def test_a_table_view_or_trigger_that_does_not_belong_is_refused(path):
    for statement in (
        "CREATE TABLE extra (x)",
        "CREATE VIEW v AS SELECT 1",
        "CREATE TRIGGER t AFTER INSERT ON audit BEGIN DELETE FROM entries; END",
        "CREATE INDEX i ON entries (name_tag)",
        "DROP TABLE deposits",
    ):
        spoiled = copied(path, path.parent.parent / "w")
        tamper(spoiled, lambda connection, statement=statement: connection.execute(statement))
        with pytest.raises(VaultFormatError, match="tables"):
            Vault.open(spoiled)


def cut_tail(path: Path) -> None:
    """Take away the newest records, and the checkpoint that covers them."""
    tamper(
        path,
        run(
            "DELETE FROM audit WHERE sequence > (SELECT max(sequence) - 3 FROM audit)",
            "DELETE FROM checkpoints",
        ),
    )


def test_a_cut_tail_of_the_trail_is_unseen_without_a_witness_and_the_vault_says_that_it_cannot_know(path):
    cut_tail(path)
    with opened(path) as vault:
        verification = vault.verify()
        assert (verification.problems, verification.freshness) == ((), "unknown")
        assert vault.status().freshness == "unknown"


def test_a_cut_tail_of_the_trail_is_seen_with_a_witness(path):
    with opened(path) as vault:
        vault.get("last", by=KIM).wipe()
        forms = vault.witness(by=KIM)
        vault.get("last", by=KIM).wipe()
        vault.lock(by=KIM)
    for form in (forms.line, forms.code):
        assert found(copied(path, path.parent.parent / "w"), form) == ""
        spoiled = copied(path, path.parent.parent / "x")
        tamper(
            spoiled,
            run(
                "DELETE FROM audit WHERE sequence > (SELECT max(sequence) - 4 FROM audit)",
                "DELETE FROM checkpoints",
                "DELETE FROM manifests WHERE number = (SELECT max(number) FROM manifests)",
            ),
        )
        assert found(spoiled, form) != ""


def test_a_rollback_of_the_whole_file_is_seen_with_a_witness_and_unknown_without_one(path, tmp_path):
    old = copied(path, tmp_path / "old")
    with opened(path) as vault:
        before = vault.witness(by=KIM)
        vault.put(draft("newer"), by=KIM)
        after = vault.witness(by=KIM)
        assert vault.verify(before.code).freshness.startswith("at least commit")
        vault.lock(by=KIM)
    shutil.copy2(old, path)
    with opened(path) as vault:
        assert (vault.verify().problems, vault.verify().freshness) == ((), "unknown")
        for form in (after.line, after.code, before.line):
            assert "rolled back" in vault.verify(form).problems[0]


def test_a_vault_that_went_another_way_after_a_rollback_is_seen_with_a_witness(path, tmp_path):
    old = copied(path, tmp_path / "old")
    with opened(path) as vault:
        vault.put(draft("one"), by=KIM)
        seen = vault.witness(by=KIM)
    with opened(old) as vault:
        for number in range(4):
            vault.put(draft(f"other {number}"), by=KIM)
        assert "history" in vault.verify(seen.line).problems[0]


def test_a_witness_of_another_vault_is_named(path, tmp_path):
    with make(tmp_path / "o") as other:
        form = other.witness(by=KIM)
    with opened(path) as vault:
        assert "another vault" in vault.verify(form.line).problems[0]
        with pytest.raises(VaultFormatError):
            vault.verify("no witness at all")


def test_a_row_that_changes_under_an_open_vault_is_not_opened(tmp_path):
    with make(tmp_path / "v", entries=2) as vault:
        swap = vault._database._connection
        swap_rows(swap)
        for name in ("entry 0", "entry 1"):
            with pytest.raises(TamperedError):
                vault.get(name, by=KIM)
        assert vault.verify().problems != ()


def test_public_keys_that_were_replaced_together_with_every_signature_are_seen_at_the_unlock(tmp_path):
    """Who replaces the whole file can sign it anew: locked it looks sound, the keyring inside knows better."""
    with make(tmp_path / "v", entries=1) as mine, make(tmp_path / "o") as other:
        header, ledger = mine._ledger.header, mine._ledger
        forged = other._ledger.header.public
        keys = other._keys
        with mine._lock, ledger.change(keys, 1) as change:
            change.audit = lambda record: None
            change.put_header(replace(header, public=replace(header.public, signer=forged.signer)))
    with Vault.open(tmp_path / "v" / "vault.db") as vault, pytest.raises(TamperedError, match="public keys"):
        vault.unlock(WAY, by=KIM)


def test_a_keyring_of_an_older_epoch_does_not_open_in_the_new_one(path):
    with opened(path) as vault:
        old = vault._database.key("keyring")
        vault.rotate_epoch(by=KIM)
    tamper(path, lambda connection: connection.execute("UPDATE keys SET value = ? WHERE name = 'keyring'", (old,)))
    assert found(path) != ""
