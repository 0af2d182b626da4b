"""Evidence and bundles of a vault: sealed, opened, carried from one vault to another; custody and who is trusted."""

from __future__ import annotations

import hashlib
import io
import os

import pytest

from pandora_core.errors import (
    NotFoundError,
    OpenFailedError,
    RefusedError,
    UntrustedSignerError,
    VaultError,
    VaultFormatError,
    VaultLockedError,
)
from pandora_core.vault.crypto import providers, recipients
from pandora_core.vault.crypto.profiles import CNSA, HIGH
from pandora_core.vault.crypto.recipients import parse_recipient
from pandora_core.vault.crypto.secret import Secret
from pandora_core.vault.format.bundle import Outgoing
from pandora_core.vault.format.entry import Field
from pandora_core.vault.format.views import Changes
from pandora_core.vault.storage.evidence import BLOCK_BYTES
from pandora_core.vault.storage.vault import Vault
from tests.unit.vault_made import KIM, LEE, WAY, make, opened, private, value_of, values
from tests.unit.vault_samples import EACH_PROFILE, Dribble, assert_none_opens, cuts, flips

EVIDENCE = bytes(range(256)) * 1024 + b"the last chunk is short"


def sha384(octets: bytes) -> str:
    return hashlib.sha384(octets).hexdigest()


def sealed_by(vault: Vault, data: bytes = EVIDENCE, **more) -> tuple[bytes, object]:
    sink = io.BytesIO()
    custody = vault.seal_file(Dribble(data), sink, name="memory.dump", by=LEE, media="application/x-dump", **more)
    return sink.getvalue(), custody


@EACH_PROFILE
def test_evidence_comes_back_with_its_custody(tmp_path, profile):
    with make(tmp_path / "v", profile=profile) as vault:
        sealed, custody = sealed_by(vault)
        assert EVIDENCE[:64] not in sealed
        assert (custody.sha384, custody.sealed_sha384) == (sha384(EVIDENCE), sha384(sealed))
        sink = io.BytesIO()
        back = vault.open_file(Dribble(sealed), sink, by=KIM)
        assert sink.getvalue() == EVIDENCE
        assert (back.sha384, back.file_id, back.actor) == (sha384(EVIDENCE), custody.file_id, "lee")
        done, began, made = vault.audit(3)
        assert [each.kind for each in (made, began, done)] == ["seal", "open", "opened"]
        assert made.details["sealed_sha384"] == sha384(sealed)
        assert (made.actor, done.actor, done.details["sha384"]) == ("lee", "kim", sha384(EVIDENCE))
        (kept,) = vault.find("memory.dump")
        assert (kept.meta.kind, kept.meta.hidden) == ("file", ("dek",))
        assert value_of(vault, kept.name, "sha384") == sha384(EVIDENCE)


@pytest.mark.parametrize("size", [0, 1, 65_536, BLOCK_BYTES - 1, BLOCK_BYTES, 3 * BLOCK_BYTES + 7])
def test_hashes_are_right_at_every_edge(tmp_path, size):
    data = os.urandom(size)
    with make(tmp_path / "v") as vault:
        sealed, custody = sealed_by(vault, data)
        assert (custody.sha384, custody.sealed_sha384, custody.size_bytes) == (sha384(data), sha384(sealed), size)
        sink = io.BytesIO()
        assert vault.open_file(io.BytesIO(sealed), sink, by=KIM).sha384 == sha384(data)


def test_a_locked_vault_takes_evidence_and_opens_none(tmp_path):
    with make(tmp_path / "v") as vault:
        vault.lock(by=KIM)
        sealed, custody = sealed_by(vault)
        with pytest.raises(VaultLockedError):
            vault.open_file(io.BytesIO(sealed), io.BytesIO(), by=KIM)
        (name,) = vault.unlock(WAY, by=KIM).taken_in
        assert value_of(vault, name, "sealed_sha384") == custody.sealed_sha384
        sink = io.BytesIO()
        vault.open_file(io.BytesIO(sealed), sink, by=KIM)
        assert sink.getvalue() == EVIDENCE


def test_evidence_outlives_a_rekey_of_everything(tmp_path):
    with make(tmp_path / "v") as vault:
        sealed, _ = sealed_by(vault)
        vault.rotate_epoch(by=KIM)
        vault.rotate_master([WAY], by=KIM)
        vault.rotate_signing(by=KIM)
        sink = io.BytesIO()
        vault.open_file(io.BytesIO(sealed), sink, by=KIM)
        assert sink.getvalue() == EVIDENCE


def test_evidence_may_be_sealed_to_another_vault_too(tmp_path):
    with make(tmp_path / "a") as mine, make(tmp_path / "b") as theirs:
        sealed, _ = sealed_by(mine, recipients=[parse_recipient(theirs.public().recipient)])
        with pytest.raises(OpenFailedError):  # it is bound to the vault that keeps its custody
            theirs.open_file(io.BytesIO(sealed), io.BytesIO(), by=KIM)
        mine.open_file(io.BytesIO(sealed), io.BytesIO(), by=KIM)


def test_no_flip_or_cut_of_evidence_opens(tmp_path):
    with make(tmp_path / "v") as vault:
        sealed, _ = sealed_by(vault, EVIDENCE[:100])

        def opens(data: bytes) -> None:
            vault.open_file(io.BytesIO(data), io.BytesIO(), by=KIM)

        opens(sealed)
        assert_none_opens(flips(sealed, step=61), opens)
        assert_none_opens(cuts(sealed, step=97), opens)


def test_a_source_that_fails_leaves_no_record_of_a_seal(tmp_path):
    class Failing:
        def readinto(self, buffer: memoryview, /) -> int:
            raise OSError("unplugged")

    with make(tmp_path / "v") as vault:
        before = vault.status()
        with pytest.raises(OSError, match="unplugged"):
            vault.seal_file(Failing(), io.BytesIO(), name="x", by=KIM)
        assert vault.status() == before


def exported(vault: Vault, to: Vault, names: list[str], **more) -> bytes:
    sink = io.BytesIO()
    recipient = parse_recipient(to.public().bundle_recipient)
    vault.export(names, [recipient], sink, by=KIM, note="for the other side", **more)
    return sink.getvalue()


def trusted(vault: Vault) -> list[str]:
    return [vault.public().signer_fingerprint]


@pytest.mark.parametrize("armored", [False, True])
def test_a_bundle_carries_entries_and_files_to_another_vault(tmp_path, armored):
    with make(tmp_path / "a", entries=2, profile=HIGH) as mine, make(tmp_path / "b", profile=CNSA) as theirs:
        files = [Outgoing("case.pdf", "application/pdf", lambda: io.BytesIO(EVIDENCE))]
        bundle = exported(mine, theirs, ["entry 0", "entry 1"], armored=armored, files=files)
        folder = private(tmp_path / "files")
        done = theirs.import_bundle(Dribble(bundle), by=LEE, trusted=trusted(mine), folder=folder)
        assert (sorted(done.added), done.files) == (["entry 0", "entry 1"], ("case.pdf",))
        assert values(theirs) == values(mine)
        assert (folder / "case.pdf").read_bytes() == EVIDENCE
        assert os.listdir(folder) == ["case.pdf"]
        assert {"import"} == {each.kind for each in theirs.audit()} - {"create", "get"}
        assert "export" in {each.kind for each in mine.audit()}
        assert theirs.verify().problems == ()


def test_a_newer_entry_of_a_bundle_becomes_a_version_and_an_older_one_is_left(tmp_path):
    with make(tmp_path / "a", entries=2) as mine, make(tmp_path / "b") as theirs:
        old = exported(mine, theirs, ["entry 0", "entry 1"])
        mine.edit("entry 1", Changes(set=(Field("token", Secret.copy_of(b"newer")),)), by=KIM)
        new = exported(mine, theirs, ["entry 0", "entry 1"])
        for bundle, expected in (
            (old, (2, 0, 0)),
            (new, (0, 1, 1)),
            (old, (0, 0, 2)),
        ):
            done = theirs.import_bundle(io.BytesIO(bundle), by=KIM, trusted=trusted(mine))
            assert (len(done.added), len(done.updated), len(done.skipped)) == expected
        assert value_of(theirs, "entry 1") == "newer"
        assert [each.version for each in theirs.history("entry 1")] == [2, 1]


def test_a_bundle_of_a_stranger_or_for_somebody_else_is_refused(tmp_path):
    with make(tmp_path / "a", entries=1) as mine, make(tmp_path / "b") as theirs:
        bundle = exported(mine, theirs, ["entry 0"])
        with pytest.raises(UntrustedSignerError, match=mine.public().signer_fingerprint):
            theirs.import_bundle(io.BytesIO(bundle), by=KIM)
        with pytest.raises(VaultError):
            mine.import_bundle(io.BytesIO(bundle), by=KIM)
        assert theirs.list() == []
        with pytest.raises(NotFoundError):
            exported(mine, theirs, ["absent"])


def test_nothing_of_a_spoiled_bundle_is_taken_in(tmp_path):
    with make(tmp_path / "a", entries=2) as mine, make(tmp_path / "b") as theirs:
        files = [Outgoing("case.pdf", "application/pdf", lambda: io.BytesIO(EVIDENCE[:500]))]
        bundle = exported(mine, theirs, ["entry 0", "entry 1"], files=files)
        folder, signers = private(tmp_path / "files"), trusted(mine)
        before = theirs.status()

        def opens(data: bytes) -> None:
            theirs.import_bundle(io.BytesIO(data), by=KIM, trusted=signers, folder=folder)

        assert_none_opens(flips(bundle, step=211), opens)
        assert_none_opens(cuts(bundle, step=307), opens)
        assert (theirs.status(), os.listdir(folder)) == (before, [])
        opens(bundle)


def test_files_of_a_bundle_need_a_private_folder_and_replace_nothing(tmp_path):
    with make(tmp_path / "a", entries=1) as mine:
        files = [Outgoing("case.pdf", "application/pdf", lambda: io.BytesIO(b"new"))]
        bundle = exported(mine, mine, ["entry 0"], files=files)
        with pytest.raises(RefusedError, match="folder"):
            mine.import_bundle(io.BytesIO(bundle), by=KIM)
        folder = private(tmp_path / "files")
        (folder / "case.pdf").write_bytes(b"old")
        mine.remove("entry 0", by=KIM)
        with pytest.raises(RefusedError):
            mine.import_bundle(io.BytesIO(bundle), by=KIM, folder=folder)
        assert ((folder / "case.pdf").read_bytes(), os.listdir(folder)) == (b"old", ["case.pdf"])
        assert mine.list() == []


def test_a_bundle_may_be_opened_with_an_identity_of_somebody_else(tmp_path):
    from pandora_core.vault.age.keys import PostQuantumIdentity

    provider = providers.choose("pyca")
    person = recipients.generate(provider, recipients.SUITES[0])
    with make(tmp_path / "a", entries=1) as mine, make(tmp_path / "b") as theirs:
        sink = io.BytesIO()
        mine.export(["entry 0"], [person.recipient], sink, by=KIM)
        done = theirs.import_bundle(
            io.BytesIO(sink.getvalue()),
            by=KIM,
            trusted=trusted(mine),
            identities=[PostQuantumIdentity(provider, person.identity)],
        )
        assert done.added == ("entry 0",)


def test_an_entry_that_says_one_thing_and_holds_another_is_not_taken_in():
    from pandora_core.vault.format import portable
    from pandora_core.vault.format.entry import Meta

    meta = Meta(name="x", kind="token", created_ms=1, changed_ms=1, fields=("a",))
    with portable.encode(meta, [Field("b", Secret(1))]) as content, pytest.raises(VaultFormatError):
        portable.decode(content.view)


def test_a_key_that_changed_hands_still_vouches(tmp_path):
    path = tmp_path / "a" / "vault.db"
    with make(tmp_path / "a", entries=1) as mine:
        mine.rotate_signing(by=KIM)
        mine.rotate_signing(by=KIM)
        old = mine.public().signer
    with opened(path) as mine:
        assert mine.public().signer == old
        assert mine.verify().problems == ()
        rows = list(mine._database.handovers())
        assert len(rows) == 2
        with mine._database.transaction():
            mine._database._run(
                "UPDATE handovers SET old_signature = zeroblob(4627) WHERE number = ?", rows[0].number
            )
        assert mine.verify().problems != ()
