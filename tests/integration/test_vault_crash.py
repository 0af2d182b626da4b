"""Power cuts and kills at every write of the vault: it opens, and every committed entry is there.

The default run takes a seeded slice. All of it:

    PANDORA_SLOW=1 python -m pytest tests/integration/test_vault_crash.py -s --basetemp=/dev/shm/crash
"""

from __future__ import annotations

import io
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from pandora_core.errors import VaultError
from pandora_core.vault.crypto.profiles import STANDARD
from pandora_core.vault.crypto.recipients import parse_recipient
from pandora_core.vault.crypto.secret import Secret
from pandora_core.vault.format import unlocking
from pandora_core.vault.format.entry import Field
from pandora_core.vault.format.keyfile import KeyFile
from pandora_core.vault.format.keys import Keys
from pandora_core.vault.format.slots import Credentials
from pandora_core.vault.format.views import Changes
from pandora_core.vault.storage import private_files
from pandora_core.vault.storage.vault import Vault
from tests.integration.forgetful_disk import Call, Log, Recorder, after_power_cut, dropped, kept, torn
from tests.unit.vault_made import KIM, WAY, draft, make, opened, private, values

SLOW = os.environ.get("PANDORA_SLOW") == "1"
SEED = 20261121
SEEDS_PER_POINT = 4 if SLOW else 1
DEFAULT_POINTS = 60
KILLS = 60 if SLOW else 4


class State(NamedTuple):
    """All that a crash may not mix."""

    values: dict[str, list[str]]
    slots: frozenset[bytes]
    generation: int
    epoch: int
    signer: str
    deposits: int


def state_of(vault: Vault) -> State:
    """What a vault holds, read without writing to it."""
    status = vault.status()
    found = {
        each.name: [value(vault, each.name, version.version) for version in vault.history(each.name)]
        for each in vault.list()
    }
    slots = frozenset(each.id for each in vault.slots())
    return State(found, slots, status.generation, status.epoch, vault.public().signer_fingerprint, status.deposits)


def value(vault: Vault, name: str, version: int) -> str:
    with vault._contents.open(vault._unlocked(), name, version) as entry:
        return entry.value("token").reveal().decode()


def peek(path: Path) -> State:
    """Open and check a vault; nothing is committed, so that a deposit stays one."""
    with Vault.open(path) as vault:
        slots = [slot for slot, _ in vault._ledger.slots.values()]
        found = unlocking.find_master(vault.provider, slots, WAY)
        vault._keys = Keys.open(vault.provider, vault._ledger.header, vault._database.key("keyring"), found.master)
        assert vault.verify().problems == ()
        return state_of(vault)


def secret(text: str) -> Secret:
    return Secret.copy_of(text.encode())


def lock_and_unlock(vault: Vault) -> None:
    vault.lock(by=KIM)
    vault.unlock(WAY, by=KIM)


def read(vault: Vault) -> None:
    vault.get("entry 1", by=KIM).wipe()
    vault.write_reads()


def slot_of(vault: Vault, way: Credentials) -> bytes:
    found = (slot for slot, _ in vault._ledger.slots.values() if slot.key_file_id == way.key_file.id)
    return next(found).place.slot_id


def script(bundle: bytes, signer: str, backup: Path) -> dict[str, Callable[[Vault], object]]:
    """What is done, one commit (or two) after another."""
    other = Credentials(key_file=KeyFile(Secret.copy_of(b"o" * 32)))
    return {
        "put": lambda vault: vault.put(draft("new", "fresh"), by=KIM),
        "put long": lambda vault: vault.put(draft("long", "l" * 20_000), by=KIM),
        "edit": lambda vault: vault.edit("entry 1", Changes(set=(Field("token", secret("second")),)), by=KIM),
        "read": read,
        "delete": lambda vault: vault.remove("entry 2", by=KIM),
        "delete long": lambda vault: vault.remove("long", by=KIM),
        "slot add": lambda vault: vault.add_slot(other, by=KIM),
        "slot remove": lambda vault: vault.remove_slot(
            next(
                slot.place.slot_id
                for slot, _ in vault._ledger.slots.values()
                if slot.key_file_id == other.key_file.id
            ),
            by=KIM,
        ),
        "rekey epoch": lambda vault: vault.rotate_epoch(by=KIM),
        "rekey master": lambda vault: vault.rotate_master([WAY], by=KIM),
        "lock, unlock": lock_and_unlock,
        "rekey signing": lambda vault: vault.rotate_signing(by=KIM),
        "deposit": lambda vault: vault.deposit(draft("deposited"), by=KIM),
        "lock, unlock, take in": lock_and_unlock,
        "import": lambda vault: vault.import_bundle(io.BytesIO(bundle), by=KIM, trusted=[signer]),
        "backup": lambda vault: vault.backup(backup, by=KIM),
        "witness": lambda vault: vault.witness(by=KIM),
    }


class Run(NamedTuple):
    """What was written while the script ran, and what was promised between its steps."""

    before: dict[str, bytes]
    calls: list[Call]
    states: list[State]
    steps: list[str]
    path: Path
    backup: Path


@pytest.fixture(scope="module")
def recorder():
    with Recorder().installed() as recorder:
        yield recorder


@pytest.fixture(scope="module")
def run(tmp_path_factory, recorder) -> Run:
    folder = tmp_path_factory.mktemp("crash")
    path, backup = folder / "v" / "vault.db", private(folder / "b") / "copy.db"
    with make(folder / "v", profile=STANDARD, entries=6) as vault, make(folder / "o", profile=STANDARD) as other:
        bundle = io.BytesIO()
        for number in range(3):
            other.put(draft(f"carried {number}", "c" * 300), by=KIM)
        names = [each.name for each in other.list()]
        recipient = parse_recipient(vault.public().bundle_recipient)
        other.export(names, [recipient], bundle, by=KIM)
        steps = script(bundle.getvalue(), other.public().signer_fingerprint, backup)
        before, states = {str(path): path.read_bytes()}, [state_of(vault)]
        with recorder.recording() as log, linking(log):
            for step in steps.values():
                step(vault)
                recorder.log = None
                states.append(state_of(vault))
                recorder.log = log
                log.mark()
    return Run(before, log.calls, states, list(steps), path, backup)


class linking:  # noqa: N801 — reads as what it does
    """Log what gives a finished file its name, which SQLite does not do."""

    def __init__(self, log: Log) -> None:
        self._log = log

    def __enter__(self) -> None:
        self._settle = private_files.settle

        def settle(part: Path, path: Path, *, replace: bool) -> None:
            self._log.calls.append(Call("link", str(path), data=str(part).encode()))
            self._settle(part, path, replace=replace)

        import pandora_core.vault.storage.vault as module

        self._module = module
        module.settle = settle

    def __exit__(self, *_: object) -> None:
        self._module.settle = self._settle


def points(run: Run) -> list[tuple[int, str, int]]:
    """How many calls came through, and in which way the rest was lost."""
    found = [
        (stop, mode, seed)
        for stop in range(len(run.calls) + 1)
        for mode, seeds in (("kept", 1), ("dropped", 1), ("torn", SEEDS_PER_POINT))
        for seed in range(seeds)
    ]
    return found if SLOW else random.Random(SEED).sample(found, DEFAULT_POINTS)


def restore(files: dict[str, bytes], run: Run, folder: Path) -> Path:
    """Lay the files of a crashed run into a folder of their own."""
    for old in folder.iterdir():
        old.unlink()
    for name, data in files.items():
        if Path(name).parent == run.path.parent:
            target = folder / Path(name).name
            target.write_bytes(data)
            target.chmod(0o600)
    return folder / run.path.name


def test_a_power_cut_at_any_call_leaves_the_state_before_or_after(run, recorder, tmp_path):
    folder, tried, began = private(tmp_path / "v"), Counter[str](), time.monotonic()
    for stop, mode, seed in points(run):
        calls = run.calls[:stop]
        done = sum(call.what == "mark" for call in calls)
        fate = {"kept": kept, "dropped": dropped, "torn": torn(random.Random(f"{SEED} {stop} {seed}"))}[mode]
        path = restore(after_power_cut(run.before, calls, fate), run, folder)
        where = f"{mode} {seed} after call {stop} in {run.steps[min(done, len(run.steps) - 1)]!r}"
        found = peek(path)
        assert found in run.states[done : done + 2], where
        tried[run.steps[min(done, len(run.steps) - 1)]] += 1
    took_s = time.monotonic() - began
    print(f"{tried.total()} crash points over {len(run.calls)} calls in {took_s:.0f} s: {dict(tried)}")
    assert not SLOW or tried.total() >= 2000


def test_a_disk_without_syncs_would_be_noticed(run, tmp_path):
    """What shows that the test above can fail: the same calls, none of them synced, lose what was promised."""
    folder, lost = private(tmp_path / "v"), 0
    calls = [call._replace(offset=0) if call.what == "delete" else call for call in run.calls if call.what != "sync"]
    for seed in range(5):
        path = restore(after_power_cut(run.before, calls, torn(random.Random(seed))), run, folder)
        try:
            lost += peek(path) != run.states[-1]
        except VaultError:
            lost += 1
    assert lost


def test_a_backup_has_its_name_only_when_it_is_whole(run, tmp_path):
    folder = private(tmp_path / "v")
    linked = next(at for at, call in enumerate(run.calls) if call.what == "link")
    for fate in (kept, dropped, torn(random.Random(SEED))):
        before = after_power_cut(run.before, run.calls[:linked], fate)
        assert str(run.backup) not in before
        after = after_power_cut(run.before, run.calls[: linked + 1], fate)
        copy = folder / "vault.db"
        copy.write_bytes(after[str(run.backup)])
        copy.chmod(0o600)
        assert peek(copy) == run.states[run.steps.index("backup") + 1]


CHILD = """
import random, sys
from pathlib import Path
from tests.unit.vault_made import *
from pandora_core.vault.format.views import Changes
vault = opened(Path(sys.argv[1]))
chance = random.Random(int(sys.argv[2]))
number = len(vault.list())
while True:
    kind = chance.randrange(5)
    if kind < 3:
        vault.put(draft(f"k{number}", f"v{number}" * chance.randrange(1, 400)), by=KIM)
        sys.stdout.write(f"k{number}\\n")
        number += 1
    elif kind == 3:
        vault.rotate_epoch(by=KIM)
    else:
        vault.rotate_master([WAY], by=KIM)
    sys.stdout.flush()
"""


def test_a_process_that_is_killed_loses_no_entry_that_it_told_of(tmp_path):
    path = tmp_path / "v" / "vault.db"
    make(tmp_path / "v", profile=STANDARD).close()
    chance, promised = random.Random(SEED), set[str]()
    for number in range(KILLS):
        child = subprocess.Popen(
            [sys.executable, "-c", CHILD, str(path), str(number)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).resolve().parents[2],
        )
        first = child.stdout.readline()
        time.sleep(chance.random() * 0.1)
        child.send_signal(signal.SIGKILL)
        told, _ = child.communicate()
        promised |= set((first + told).split("\n")[:-1])
        with opened(path) as vault:
            found = values(vault)
            assert promised <= set(found)
            assert vault.verify().problems == ()
            assert all(text.startswith(f"v{name[1:]}") for name, text in found.items())
    assert len(promised) >= KILLS
