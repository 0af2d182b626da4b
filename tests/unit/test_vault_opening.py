"""What an opening that fails leaves behind, and who waits for Argon2id."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest
from vault_made import KEY_FILE, KIM, WAY, draft, make, opened, private, tamper, value_of, values

from pandora_core.errors import PandoraError, RefusedError, VaultFormatError, VaultLockedError
from pandora_core.vault.agent.hardening import Hardening
from pandora_core.vault.agent.keeper import Keeper
from pandora_core.vault.crypto import kdf
from pandora_core.vault.crypto.kdf import Argon2Cost
from pandora_core.vault.crypto.secret import Secret
from pandora_core.vault.format.slots import Credentials
from pandora_core.vault.storage.vault import Vault

CHEAP = Argon2Cost(memory_kib=65_536, passes=3, lanes=1)
WAIT_S = 30.0


class Injected(RuntimeError):
    """A failure that nobody expects."""


@contextmanager
def failing_at(call: int) -> Iterator[None]:
    """Let so many calls of the vault's functions go well, and the next one fail."""
    left = call

    def count(frame: FrameType, event: str, _: object) -> None:
        nonlocal left
        if (
            event == "call"
            and "pandora_core/vault" in frame.f_code.co_filename
            and "wipe" not in frame.f_code.co_name
        ):
            left -= 1
            if left == 0:
                sys.setprofile(before)
                raise Injected

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        yield
    finally:
        sys.setprofile(before)


def fails(path: Path, call: int) -> bool:
    """Whether an opening fails when that call does."""
    try:
        with failing_at(call):
            Vault.open(path).close()
    except Injected:
        return True
    return False


# A generator is called once more to be closed, where nothing can be raised.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_opening_that_fails_at_any_step_leaves_the_vault_free_for_the_next(tmp_path):
    with make(tmp_path / "v", entries=2):
        path = tmp_path / "v" / "vault.db"
    call = 1
    while fails(path, call):
        gc.collect()  # of the failure itself, which keeps what it came upon
        Vault.open(path).close()
        call += 1
    assert call > 40


def test_an_opening_that_fails_keeps_the_file_free_though_its_error_is_kept(tmp_path):
    with make(tmp_path / "v", entries=3):
        path = tmp_path / "v" / "vault.db"
    good = path.read_bytes()
    tamper(path, lambda db: db.execute("UPDATE entries SET wrapped = x'00' WHERE id = (SELECT max(id) FROM entries)"))
    with pytest.raises(VaultFormatError) as kept:
        Vault.open(path)
    path.write_bytes(good)
    with opened(path) as vault:
        assert len(values(vault)) == 3
    assert kept.value is not None


class Slow:
    """Argon2id that waits until it is told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.began, self.go_on = threading.Event(), threading.Event()
        stretch = kdf.stretch_passphrase

        def slow(passphrase: Secret, salt: bytes, cost: Argon2Cost) -> Secret:
            self.began.set()
            assert self.go_on.wait(WAIT_S)
            return stretch(passphrase, salt, cost)

        monkeypatch.setattr(kdf, "stretch_passphrase", slow)

    @contextmanager
    def during(self, work: Callable[[], object]) -> Iterator[list[PandoraError]]:
        """What is done in the context is done while ``work`` is in Argon2id; its errors are in the list then."""
        errors: list[PandoraError] = []

        def run() -> None:
            try:
                work()
            except PandoraError as error:
                errors.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        assert self.began.wait(WAIT_S)
        try:
            yield errors
        finally:
            self.go_on.set()
            thread.join(WAIT_S)
        assert not thread.is_alive()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Slow:
    return Slow(monkeypatch)


@pytest.fixture
def phrase() -> Credentials:
    return Credentials(Secret.copy_of(b"a passphrase of somebody"))


def with_phrase(folder: Path, phrase: Credentials) -> Vault:
    """A vault that a passphrase opens, beside the key file."""
    vault = make(folder, entries=1)
    vault.add_slot(phrase, by=KIM, label="phrase", cost=CHEAP)
    return vault


def use(vault: Vault) -> None:
    """What must not wait."""
    assert vault.status().is_unlocked
    assert value_of(vault, "entry 0") == "value 0"
    vault.put(draft("meanwhile"), by=KIM)
    assert len(vault.slots()) >= 1


def test_nobody_waits_for_a_passphrase_that_is_added(tmp_path, slow, phrase):
    with make(tmp_path / "v", entries=1) as vault:
        with slow.during(lambda: vault.add_slot(phrase, by=KIM, cost=CHEAP)) as errors:
            use(vault)
        assert errors == []
        vault.lock(by=KIM)
        assert vault.unlock(phrase, by=KIM).slot.memory_kib == CHEAP.memory_kib
        assert vault.verify().problems == ()


def test_nobody_waits_for_passphrases_of_a_new_master_key(tmp_path, monkeypatch, phrase):
    with with_phrase(tmp_path / "v", phrase) as vault:
        slow = Slow(monkeypatch)
        with slow.during(lambda: vault.rotate_master([WAY, phrase], by=KIM)) as errors:
            use(vault)
        assert errors == []
        assert vault.status().generation == 2
        for way in (WAY, phrase):
            vault.lock(by=KIM)
            vault.unlock(way, by=KIM)
        assert set(values(vault)) == {"entry 0", "meanwhile"}
        assert vault.verify().problems == ()


def test_a_slot_removed_meanwhile_does_not_come_back_with_a_new_master_key(tmp_path, monkeypatch, phrase):
    with with_phrase(tmp_path / "v", phrase) as vault:
        slow = Slow(monkeypatch)
        (gone,) = (slot for slot in vault.slots() if slot.label == "phrase")
        with slow.during(lambda: vault.rotate_master([phrase, WAY], by=KIM)) as errors:
            vault.remove_slot(gone.id, by=KIM)
            vault.rotate_epoch(by=KIM)
        assert errors == []
        assert [slot.label for slot in vault.slots()] == ["desk"]
        vault.lock(by=KIM)
        vault.unlock(WAY, by=KIM)
        assert (vault.status().generation, vault.verify().problems) == (2, ())


def test_a_slot_takes_the_epoch_that_came_meanwhile(tmp_path, slow, phrase):
    with make(tmp_path / "v", entries=1) as vault:
        with slow.during(lambda: vault.add_slot(phrase, by=KIM, label="new", cost=CHEAP)) as errors:
            vault.rotate_epoch(by=KIM)
        assert errors == []
        vault.lock(by=KIM)
        assert vault.unlock(phrase, by=KIM).slot.label == "new"


def rotate(vault: Vault, phrase: Credentials) -> object:
    return vault.rotate_master([WAY, phrase], by=KIM)


def add(vault: Vault, phrase: Credentials) -> object:
    return vault.add_slot(phrase, by=KIM, cost=CHEAP)


@pytest.mark.parametrize("work", [rotate, add])
def test_a_vault_that_is_locked_meanwhile_stays_as_it_was(tmp_path, monkeypatch, phrase, work):
    with with_phrase(tmp_path / "v", phrase) as vault:
        before, slow = vault.slots(), Slow(monkeypatch)
        with slow.during(lambda: work(vault, phrase)) as errors:
            vault.lock(by=KIM)
        assert [type(error) for error in errors] == [VaultLockedError]
        vault.unlock(phrase, by=KIM)
        assert vault.slots() == before
        assert (vault.status().generation, vault.verify().problems) == (1, ())


def test_a_vault_that_is_being_made_is_said_not_to_be_there_yet_and_nobody_waits(tmp_path, slow, phrase):
    folder = private(tmp_path / "data")
    keeper = Keeper(folder, Hardening(True, True), lambda: 0.0)
    try:
        with slow.during(lambda: keeper.create(phrase, "standard", KIM)) as errors:
            assert keeper.status().state == "absent"
            assert keeper.is_needed
            (folder / "vault.db").touch(mode=0o600)
            assert keeper.status().state == "absent"
            (folder / "vault.db").unlink()
        assert errors == []
        assert keeper.status().state == "unlocked"
        with pytest.raises(RefusedError, match="already"):
            keeper.create(Credentials(key_file=KEY_FILE), "standard", KIM)
    finally:
        keeper.close()
