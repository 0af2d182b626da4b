"""Every byte of a small vault flipped, and every truncation: a typed error or the very same plaintext, never another.

The default run takes a seeded slice. All of it, some minutes:

    PANDORA_SLOW=1 python -m pytest tests/integration/test_vault_flips.py --basetemp=/dev/shm/flips
"""

from __future__ import annotations

import os
import random
import resource
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from pandora_core.errors import PandoraError, VaultError
from pandora_core.vault.crypto.profiles import STANDARD
from pandora_core.vault.crypto.shares import Terms
from pandora_core.vault.storage.vault import Vault
from tests.unit.vault_made import KIM, WAY, draft, make, private, values

SLOW = os.environ.get("PANDORA_SLOW") == "1"
SEED = 20261121
HANG_S = 20.0
GROWTH_LIMIT_KIB = 96 * 1024


@pytest.fixture(scope="module")
def reference(tmp_path_factory) -> bytes:
    """The bytes of a vault with versions, every table filled, and pages that were freed."""
    folder = tmp_path_factory.mktemp("reference") / "v"
    with make(folder, profile=STANDARD) as vault:
        vault.add_slot(Terms(2, 3), by=KIM, label="safe")
        vault.rotate_signing(by=KIM)
        for number in range(3):
            vault.put(draft(f"entry {number}", f"value {number}" * 40), by=KIM)
        vault.put(draft("gone", "x" * 4000), by=KIM)
        vault.remove("gone", by=KIM)
        vault.get("entry 1", by=KIM).wipe()
        vault.lock(by=KIM)
        vault.deposit(draft("waiting", "deposited"), by=KIM)
    return (folder / "vault.db").read_bytes()


@pytest.fixture(scope="module")
def truth(reference, tmp_path_factory) -> dict[str, str]:
    path = private(tmp_path_factory.mktemp("truth") / "v") / "vault.db"
    path.write_bytes(reference)
    path.chmod(0o600)
    with Vault.open(path) as vault:
        assert vault.unlock(WAY, by=KIM).taken_in == ("waiting",)
        return values(vault)


def outcome(path: Path, data: bytes, truth: dict[str, str]) -> str:
    """What becomes of a file: which error, at which step; ``same`` when nothing differs, then and after a write."""
    path.write_bytes(data)
    path.chmod(0o600)
    step = "open"
    try:
        with Vault.open(path) as vault:
            step = "unlock"
            taken = vault.unlock(WAY, by=KIM).taken_in
            step = "read"
            expected = truth if taken else {name: value for name, value in truth.items() if name != "waiting"}
            assert values(vault) == expected, "wrong plaintext"
            step = "verify"
            if vault.verify().problems:
                return "verify: problems"
            step = "write"
            vault.put(draft("after", "a" * 9000), by=KIM)
        step = "reopen"
        with Vault.open(path) as vault:
            vault.unlock(WAY, by=KIM)
            assert values(vault) == {**expected, "after": "a" * 9000}, "wrong plaintext after a write"
            assert vault.verify().problems == ()
    except VaultError as error:
        return f"{step}: {type(error).__name__}"
    return "same" if taken else "deposit refused"


def chosen(size: int, count: int) -> Iterator[int]:
    return iter(range(size)) if SLOW else iter(sorted(random.Random(SEED).sample(range(size), min(count, size))))


def campaign(path: Path, spoiled: Iterator[tuple[int, bytes]], truth: dict[str, str]) -> Counter[str]:
    found: Counter[str] = Counter()
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for at, data in spoiled:
        began = time.monotonic()
        try:
            found[outcome(path, data, truth)] += 1
        except (AssertionError, PandoraError) as error:
            pytest.fail(f"byte {at}: {error!r}")
        assert time.monotonic() - began < HANG_S, f"byte {at} took too long"
        journal = path.with_name("vault.db-journal")
        journal.unlink(missing_ok=True)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < GROWTH_LIMIT_KIB
    return found


def test_no_flipped_byte_gives_another_plaintext(reference, truth, tmp_path):
    def flipped() -> Iterator[tuple[int, bytes]]:
        for at in chosen(len(reference), 100):
            yield at, reference[:at] + bytes((reference[at] ^ 1 << at % 8,)) + reference[at + 1 :]

    path = private(tmp_path / "v") / "vault.db"
    assert outcome(path, reference, truth) == "same"
    found = campaign(path, flipped(), truth)
    print(f"flips of {len(reference)} bytes: {dict(found)}")
    assert found["same"] < 0.8 * found.total()  # about half of the file is free space that SQLite never reads
    assert {"open: TamperedError", "open: VaultFormatError"} <= set(found)


def test_no_truncation_gives_another_plaintext(reference, truth, tmp_path):
    def cut() -> Iterator[tuple[int, bytes]]:
        for at in chosen(len(reference), 30):
            yield at, reference[:at]

    found = campaign(private(tmp_path / "v") / "vault.db", cut(), truth)
    print(f"cuts of {len(reference)} bytes: {dict(found)}")
    assert "same" not in found


def test_a_page_in_the_place_of_another_gives_no_other_plaintext(reference, truth, tmp_path):
    pages = [reference[at : at + 4096] for at in range(0, len(reference), 4096)]
    chance = random.Random(SEED)
    count = 400 if SLOW else 20

    def swapped() -> Iterator[tuple[int, bytes]]:
        for _ in range(count):
            one, two = chance.randrange(len(pages)), chance.randrange(len(pages))
            changed = list(pages)
            changed[one] = pages[two]
            yield one, b"".join(changed)

    campaign(private(tmp_path / "v") / "vault.db", swapped(), truth)


def test_a_journal_made_of_noise_gives_no_other_plaintext(reference, truth, tmp_path):
    """SQLite takes a journal that looks hot for its own; whatever it rolls back is checked all the same."""
    path = private(tmp_path / "v") / "vault.db"
    chance = random.Random(SEED)
    head = bytes.fromhex("d9d505f920a163d7")
    for _ in range(200 if SLOW else 12):
        path.write_bytes(reference)
        path.chmod(0o600)
        journal = path.with_name("vault.db-journal")
        sectors = (1).to_bytes(4) + bytes(4) + (len(reference) // 4096).to_bytes(4) + (512).to_bytes(4)
        page = chance.randrange(1, len(reference) // 4096 + 1)
        content = chance.randbytes(4096)
        checksum = sum(content[at] for at in range(4096 - 200, 0, -200)) & 0xFFFFFFFF
        body = page.to_bytes(4) + content + checksum.to_bytes(4)
        journal.write_bytes((head + sectors + (4096).to_bytes(4)).ljust(512, b"\0") + body)
        journal.chmod(0o600)
        try:
            with Vault.open(path) as vault:
                vault.unlock(WAY, by=KIM)
                assert values(vault) == truth
        except VaultError:
            continue
        finally:
            journal.unlink(missing_ok=True)
