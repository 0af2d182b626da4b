"""The vault as its users meet it: create, unlock, put, get, edit, slots, rekeys, deposits; and what it refuses."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading

import pytest

from pandora_core.errors import (
    NotFoundError,
    OpenFailedError,
    ProviderError,
    RefusedError,
    VaultError,
    VaultFormatError,
    VaultLockedError,
)
from pandora_core.vault.crypto import providers, recipients
from pandora_core.vault.crypto.kdf import passphrase_secret
from pandora_core.vault.crypto.secret import Secret
from pandora_core.vault.crypto.shares import Terms
from pandora_core.vault.format.entry import Field
from pandora_core.vault.format.keyfile import KeyFile
from pandora_core.vault.format.slots import Credentials, SlotType
from pandora_core.vault.format.unlocking import Shares
from pandora_core.vault.format.views import Changes, Draft
from pandora_core.vault.storage.reads import NAMES_LIMIT
from pandora_core.vault.storage.vault import Vault
from tests.unit.vault_made import KEY_FILE, KIM, LEE, WAY, Ticking, draft, make, opened, private, value_of, values
from tests.unit.vault_samples import CHEAP, EACH_PROFILE

PROVIDER = providers.choose("pyca")


def secret(text: str) -> Secret:
    return Secret.copy_of(text.encode())


@EACH_PROFILE
def test_what_was_put_is_there_after_closing_and_unlocking(tmp_path, profile):
    with make(tmp_path / "v", profile=profile, entries=3) as vault:
        vault.lock(by=KIM)
    with opened(tmp_path / "v" / "vault.db") as vault:
        assert values(vault) == {f"entry {n}": f"value {n}" for n in range(3)}
        assert vault.verify().problems == ()


def test_a_locked_vault_gives_nothing_away_and_says_so(tmp_path):
    with make(tmp_path / "v", entries=1) as vault:
        vault.lock(by=KIM)
        for ask in (
            lambda: vault.get("entry 0", by=KIM),
            vault.list,
            vault.audit,
            lambda: vault.put(draft("x"), by=KIM),
            lambda: vault.remove("entry 0", by=KIM),
            lambda: vault.rotate_epoch(by=KIM),
        ):
            with pytest.raises(VaultLockedError):
                ask()
        assert vault.status().entries == 1
        assert not vault.status().is_unlocked
        assert vault.slots()[0].label == ""


def test_names_tags_and_values_are_nowhere_in_the_file(tmp_path):
    with make(tmp_path / "v") as vault:
        vault.put(draft("CANARY-name", "CANARY-value", tags=("CANARY-tag",), note="CANARY-note"), by=KIM)
        vault.edit("CANARY-name", Changes(set=(Field("token", secret("CANARY-2")),)), by=KIM)
        vault.add_slot(Credentials(key_file=KeyFile.generate()), by=KIM, label="CANARY-label")
        vault.remove("CANARY-name", by=KIM)
    assert b"CANARY" not in (tmp_path / "v" / "vault.db").read_bytes()
    assert os.listdir(tmp_path / "v") == ["vault.db"]


def test_an_edit_is_a_new_version_and_the_old_ones_stay(tmp_path):
    with make(tmp_path / "v", entries=1) as vault:
        changes = Changes(
            name="renamed", tags=("a",), set=(Field("token", secret("new")), Field("user", secret("u")))
        )
        edited = vault.edit("entry 0", changes, by=KIM)
        assert (edited.version, edited.meta.fields, edited.meta.hidden) == (2, ("token", "user"), ("token", "user"))
        assert (value_of(vault, "renamed"), value_of(vault, "renamed", version=1)) == ("new", "value 0")
        vault.edit("renamed", Changes(set=(Field("user", secret("v")),), shown=("user",), removed=("token",)), by=KIM)
        assert [each.meta.hidden for each in vault.history("renamed")] == [(), ("token", "user"), ("token",)]
        with pytest.raises(NotFoundError):
            vault.get("entry 0", by=KIM)
        with pytest.raises(NotFoundError, match="version 9"):
            vault.get("renamed", by=KIM, version=9)
        assert vault.verify().problems == ()


def test_a_name_is_taken_once_whatever_its_unicode_form(tmp_path):
    with make(tmp_path / "v", entries=2) as vault:
        vault.put(draft("cafe\u0301"), by=KIM)
        for clash in (
            lambda: vault.put(draft("caf\u00e9"), by=KIM),
            lambda: vault.edit("entry 0", Changes(name="entry 1"), by=KIM),
        ):
            with pytest.raises(RefusedError):
                clash()
        assert value_of(vault, "caf\u00e9") == "s3cret"
        assert vault.verify().problems == ()


@pytest.mark.parametrize(
    "wrong",
    [
        Draft(""),
        Draft("x" * 1025),
        Draft("a\nb"),
        Draft("a\x1b[2J"),
        Draft("\ud800"),
        Draft("x", kind="unheard of"),
        Draft("x", note="n" * 60_000),
        Draft("x", hidden=("nowhere",)),
        Draft("x", fields=(Field("a", Secret(1)), Field("a", Secret(1)))),
        Draft("x", fields=(Field("", Secret(1)),)),
        Draft("x", fields=(Field("big", Secret(16 * 1024 * 1024)),)),
    ],
    ids=["empty", "long", "lf", "escape", "surrogate", "kind", "note", "hidden", "twice", "nameless", "big"],
)
def test_an_entry_out_of_bounds_is_refused_and_leaves_no_trace(tmp_path, wrong):
    with make(tmp_path / "v", entries=1) as vault:
        before = vault.status()
        with pytest.raises(VaultError):
            vault.put(wrong, by=KIM)
        assert vault.status() == before
        vault.put(draft("after"), by=KIM)
        assert vault.verify().problems == ()


def test_find_looks_into_all_that_is_shown(tmp_path):
    with make(tmp_path / "v", entries=2) as vault:
        vault.put(draft("IBM", kind="token", tags=("quantum",), note="Zürich"), by=KIM)
        assert [each.name for each in vault.find("zürich quant")] == ["IBM"]
        assert [each.name for each in vault.find("")] == ["entry 0", "entry 1", "IBM"]
        assert vault.find("ibm entry") == []


def test_every_kind_of_slot_opens_the_vault(tmp_path):
    vault = make(tmp_path / "v", entries=1)
    mine = recipients.generate(PROVIDER, vault.profile.suite)
    phrase = passphrase_secret("correct horse")
    vault.add_slot(Credentials(phrase), by=KIM, label="phrase", cost=CHEAP)
    vault.add_slot(Credentials(phrase, KEY_FILE), by=KIM, label="both", cost=CHEAP)
    vault.add_slot(mine.recipient, by=KIM, label="smart card")
    words = vault.add_slot(Terms(2, 3), by=KIM, label="safe").mnemonics
    assert sorted(each.label for each in vault.slots()) == ["both", "desk", "phrase", "safe", "smart card"]
    ways = [WAY, Credentials(phrase), Credentials(phrase, KEY_FILE), mine.identity, Shares(words[1:])]
    for way, type_ in zip(ways, [2, 1, 3, 4, 5], strict=True):
        vault.lock(by=KIM)
        assert vault.unlock(way, by=KIM).slot.type is SlotType(type_)
        assert value_of(vault, "entry 0") == "value 0"
    vault.lock(by=KIM)
    other = recipients.generate(PROVIDER, vault.profile.suite).identity
    for wrong in (Credentials(key_file=KeyFile.generate()), Credentials(passphrase_secret("no")), other):
        with pytest.raises(OpenFailedError):
            vault.unlock(wrong, by=KIM)
    vault.close()


def test_a_removed_slot_opens_nothing_and_the_last_one_stays(tmp_path):
    with make(tmp_path / "v") as vault:
        other = Credentials(key_file=KeyFile.generate())
        made = vault.add_slot(other, by=KIM)
        vault.remove_slot(made.slot.id, by=KIM)
        with pytest.raises(RefusedError):
            vault.remove_slot(vault.slots()[0].id, by=KIM)
        with pytest.raises(NotFoundError):
            vault.remove_slot(bytes(16), by=KIM)
        vault.lock(by=KIM)
        with pytest.raises(OpenFailedError):
            vault.unlock(other, by=KIM)


def test_no_more_slots_are_made_than_are_read(tmp_path):
    with make(tmp_path / "v") as vault:
        for _ in range(15):
            vault.add_slot(WAY, by=KIM)
        with pytest.raises(RefusedError):
            vault.add_slot(WAY, by=KIM)
    opened(tmp_path / "v" / "vault.db").close()


def rekey_epoch(vault):
    return vault.rotate_epoch(by=KIM)


def rekey_master(vault):
    return vault.rotate_master([WAY], by=KIM)


def rekey_signing(vault):
    return vault.rotate_signing(by=KIM)


@EACH_PROFILE
@pytest.mark.parametrize("rekey", [rekey_epoch, rekey_master, rekey_signing])
def test_a_rekey_keeps_every_version_and_every_slot_that_can_be_kept(tmp_path, rekey, profile):
    vault = make(tmp_path / "v", profile=profile, entries=3)
    vault.edit("entry 1", Changes(set=(Field("token", secret("second")),)), by=KIM)
    mine = recipients.generate(PROVIDER, profile.suite)
    vault.add_slot(mine.recipient, by=KIM, label="card")
    words = vault.add_slot(Terms(2, 2), by=KIM, label="safe").mnemonics
    expected, before = values(vault), vault.public()
    for _ in range(2):
        rekey(vault)
        vault.put(draft(f"after {vault.status().commit}"), by=KIM)
        expected = {**expected, **values(vault)}
    assert vault.verify().problems == ()
    vault.close()
    for way in (WAY, mine.identity, Shares(words)):
        with Vault.open(tmp_path / "v" / "vault.db") as again:
            again.unlock(way, by=KIM)
            assert values(again) == expected
            assert value_of(again, "entry 1", version=1) == "value 1"
            assert again.verify().problems == ()
            assert sorted(each.label for each in again.slots()) == ["card", "desk", "safe"]
            assert (again.public() == before) == (rekey is rekey_epoch)


def test_a_new_signing_key_needs_no_signature_of_the_old_one_but_the_handover(tmp_path):
    with make(tmp_path / "v", entries=1) as vault:
        vault.lock(by=KIM)  # which signs a checkpoint
        vault.unlock(WAY, by=KIM)
        vault.rotate_signing(by=KIM)
    with opened(tmp_path / "v" / "vault.db") as vault:
        vault.lock(by=KIM)
        assert vault.verify().problems == ()


def test_a_new_master_key_shuts_out_who_kept_the_old_one(tmp_path):
    with make(tmp_path / "v", entries=1) as vault:
        gone = Credentials(key_file=KeyFile.generate())
        vault.add_slot(gone, by=KIM, label="somebody who left")
        with Secret.copy_of(vault._keys.master.view) as kept:
            done = vault.rotate_master([WAY], by=KIM)
            assert [each.label for each in done.removed_slots] == ["somebody who left"]
            assert (done.generation, done.epoch) == (2, 2)
            with pytest.raises(OpenFailedError):
                vault._ledger.header.unwrap_kek(kept)
        with pytest.raises(RefusedError):
            vault.rotate_master([gone], by=KIM)
        with pytest.raises(RefusedError):
            vault.rotate_master([], by=KIM)
        assert vault.verify().problems == ()
        assert values(vault) == {"entry 0": "value 0"}


def test_a_deposit_into_a_locked_vault_is_an_entry_after_the_next_unlock(tmp_path):
    with make(tmp_path / "v", entries=1) as vault:
        vault.lock(by=KIM)
        vault.deposit(draft("entry 0", "replaces nothing"), by=LEE)
        vault.deposit(draft("new", "brought"), by=LEE)
        assert vault.status().deposits == 2
    with Vault.open(tmp_path / "v" / "vault.db") as vault:
        done = vault.unlock(WAY, by=KIM)
        found = values(vault)
        assert (found["entry 0"], found["new"], len(found)) == ("value 0", "brought", 3)
        assert sorted(done.taken_in) == sorted(set(found) - {"entry 0"})
        assert {each.meta.tags for each in vault.list() if each.name != "entry 0"} == {("deposit",)}
        assert (vault.status().deposits, vault.verify().problems) == (0, ())


def test_a_deposit_that_does_not_open_stays_and_keeps_nobody_out(tmp_path):
    with make(tmp_path / "v", entries=1) as vault:
        vault.deposit(draft("good"), by=LEE)
        for junk in (b"", b"pandora-sealed/1" + bytes(4000), os.urandom(3000)):
            with vault._database.transaction():
                vault._database.put_deposit(os.urandom(16), junk)
        vault.lock(by=KIM)
        done = vault.unlock(WAY, by=KIM)
        assert (done.taken_in, done.refused_deposits) == (("good",), 3)
        assert vault.status().deposits == 3


def test_reads_are_written_to_the_trail_in_batches(tmp_path):
    clock = Ticking()
    with make(tmp_path / "v", entries=2, clock=clock) as vault:
        before = vault.status().audit_records
        for _ in range(5):
            vault.get("entry 0", by=KIM).wipe()
        vault.get("entry 1", by=LEE).wipe()
        assert (vault.status().audit_records, vault.status().unwritten_reads) == (before, 6)
        newest = vault.audit(2)
        assert [(each.actor, each.details["reads"]) for each in newest] == [
            ("lee", {"entry 1": 1}),
            ("kim", {"entry 0": 5}),
        ]
        vault.get("entry 1", by=KIM).wipe()
        clock.now_ms += 10_000
        vault.get("entry 0", by=KIM).wipe()
        assert vault.status().unwritten_reads == 0


def test_reads_are_written_before_there_are_too_many_of_them(tmp_path):
    with make(tmp_path / "v", clock=lambda: 1) as vault:
        vault.put(draft("one"), by=KIM)
        for number in range(NAMES_LIMIT):
            if vault._reads.note(KIM, f"name {number}", 1):
                vault.write_reads()
        assert vault.status().unwritten_reads == 0
        vault.get("one", by=KIM).wipe()
        vault.lock(by=KIM)
    with opened(tmp_path / "v" / "vault.db") as vault:
        assert [each.details.get("reads") for each in vault.audit(3)][2] == {"one": 1}


def test_the_trail_tells_what_was_done(tmp_path):
    with make(tmp_path / "v") as vault:
        vault.put(draft("x"), by=LEE)
        vault.edit("x", Changes(note="n"), by=LEE)
        vault.remove("x", by=LEE)
        vault.note("lease", "x", by=KIM, seconds=5)
        vault.lock(by=KIM, why="idle")
        vault.unlock(WAY, by=KIM)
        kinds = [each.kind for each in reversed(vault.audit())]
        assert kinds == ["create", "put", "edit", "remove", "lease", "lock", "unlock"]
        assert [each.kind for each in vault.audit(2)] == ["unlock", "lock"]
        assert vault.audit(2)[1].details == {"why": "idle"}


def test_a_backup_is_whole_opens_and_replaces_nothing(tmp_path):
    target = private(tmp_path / "b") / "copy.db"
    with make(tmp_path / "v", entries=2) as vault:
        vault.backup(target, by=KIM)
        with pytest.raises(RefusedError):
            vault.backup(target, by=KIM)
        vault.put(draft("later"), by=KIM)
    with opened(target) as copy:
        assert values(copy) == {"entry 0": "value 0", "entry 1": "value 1"}
        assert copy.verify().problems == ()
    assert os.listdir(tmp_path / "b") == ["copy.db"]
    assert target.stat().st_mode & 0o777 == 0o600


def test_a_backup_that_is_refused_is_not_in_the_trail(tmp_path):
    shared = private(tmp_path / "shared")
    shared.chmod(0o755)
    with make(tmp_path / "v") as vault:
        with pytest.raises(VaultError, match="open to others"):
            vault.backup(shared / "copy.db", by=KIM)
        assert [each.kind for each in vault.audit()] == ["create"]


def test_a_vault_is_never_made_over_something_else(tmp_path):
    make(tmp_path / "v", entries=1).close()
    with pytest.raises(RefusedError):
        make(tmp_path / "v")
    opened(tmp_path / "v" / "vault.db").close()
    assert os.listdir(tmp_path / "v") == ["vault.db"]


def test_a_vault_that_cannot_be_made_leaves_nothing(tmp_path):
    stranger = recipients.generate(PROVIDER, recipients.SUITES[0]).recipient
    with pytest.raises(VaultFormatError):
        Vault.create(private(tmp_path / "v") / "vault.db", stranger, by=KIM)
    assert os.listdir(tmp_path / "v") == []


SECOND = """
import sys
from pathlib import Path
from pandora_core.vault.storage import database, sqlite_file
sqlite_file._BUSY_S = 0.01
try:
    database.Database.open(Path(sys.argv[1]))
except Exception as error:
    print(type(error).__name__, error.what)
"""


def test_who_opens_a_vault_that_is_in_use_is_told_so(tmp_path):
    path = tmp_path / "v" / "vault.db"
    with make(tmp_path / "v") as vault:
        with pytest.raises(VaultError, match="in this process"):
            Vault.open(path)
        told = subprocess.run([sys.executable, "-c", SECOND, str(path)], capture_output=True, text=True, check=True)
        assert told.stdout == "VaultError another process has the vault open\n"
        vault.put(draft("still works"), by=KIM)
    opened(path).close()


def test_a_file_or_folder_that_others_could_touch_is_refused(tmp_path):
    path = tmp_path / "v" / "vault.db"
    make(tmp_path / "v").close()
    path.chmod(0o640)
    with pytest.raises(VaultError, match="open to others"):
        Vault.open(path)
    path.chmod(0o600)
    path.parent.chmod(0o750)
    with pytest.raises(VaultError, match="open to others"):
        Vault.open(path)
    path.parent.chmod(0o700)
    link = private(tmp_path / "w") / "vault.db"
    link.symlink_to(path)
    with pytest.raises(VaultError, match="not a regular file"):
        Vault.open(link)
    (tmp_path / "l").symlink_to(tmp_path / "v")
    with pytest.raises(VaultError, match="not a folder"):
        Vault.open(tmp_path / "l" / "vault.db")
    with pytest.raises(VaultError, match="no vault"):
        Vault.open(path.with_name("absent.db"))
    opened(path).close()


def test_the_pragmas_are_those_of_the_specification(tmp_path):
    with make(tmp_path / "v") as vault:
        ask = vault._database._connection.execute
        found = {
            name: ask(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "locking_mode", "secure_delete", "trusted_schema")
        }
    assert found == {
        "journal_mode": b"delete",
        "synchronous": 3,
        "locking_mode": b"exclusive",
        "secure_delete": 1,
        "trusted_schema": 0,
    }
    assert (tmp_path / "v" / "vault.db").stat().st_mode & 0o777 == 0o600


def test_a_commit_that_fails_leaves_memory_and_file_as_they_were(tmp_path, monkeypatch):
    with make(tmp_path / "v", entries=2) as vault:
        before = vault.status()

        def fail(_):
            raise sqlite3.OperationalError("disk I/O error")

        monkeypatch.setattr(vault._database, "append_manifest", fail)
        for change in (
            lambda: vault.put(draft("x"), by=KIM),
            lambda: vault.edit("entry 0", Changes(name="y"), by=KIM),
            lambda: vault.remove("entry 1", by=KIM),
            lambda: vault.rotate_epoch(by=KIM),
            lambda: vault.rotate_master([WAY], by=KIM),
            lambda: vault.rotate_signing(by=KIM),
            lambda: vault.add_slot(WAY, by=KIM),
        ):
            with pytest.raises(VaultError):
                change()
        monkeypatch.undo()
        assert vault.status() == before
        assert values(vault) == {"entry 0": "value 0", "entry 1": "value 1"}
        vault.put(draft("x"), by=KIM)
        assert vault.verify().problems == ()


def test_many_threads_may_use_one_vault(tmp_path):
    failures: list[BaseException] = []
    with make(tmp_path / "v") as vault:

        def work(number: int) -> None:
            try:
                vault.put(draft(f"t{number}", str(number)), by=KIM)
                for _ in range(20):
                    assert value_of(vault, f"t{number}") == str(number)
            except BaseException as error:  # noqa: BLE001 — whatever it is, the test reports it
                failures.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert len(vault.list()) == 6
        assert vault.verify().problems == ()


@EACH_PROFILE
def test_new_kem_keys_that_do_not_open_make_no_vault_and_no_new_master_key(tmp_path, monkeypatch, profile):
    """Known answers hold; only what is sealed to a key that was just made opens wrong."""
    with make(tmp_path / "v", profile=profile) as vault:
        before = vault.public()
        real = recipients.Identity.open

        def wrong(identity, provider, info, sealed):
            real(identity, provider, info, sealed).wipe()
            return Secret.random(32)

        monkeypatch.setattr(recipients.Identity, "open", wrong)
        with pytest.raises(ProviderError, match="does not open"):
            vault.rotate_master([WAY], by=KIM)
        assert vault.public() == before
    with pytest.raises(ProviderError, match="does not open"):
        make(tmp_path / "w", profile=profile)
    assert not list((tmp_path / "w").glob("*vault.db*"))
