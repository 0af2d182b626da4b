"""What another process finds in the vault agent's memory: after locking, no copy of any key or value.

The test learns the keys by unlocking a backup of the vault itself; nothing in the product gives them out.
"""

from __future__ import annotations

import gc
import hashlib
import os
import sys
import time
from pathlib import Path

import pytest
from vaulting import BY, PASSPHRASE, Place, put, value_of

from pandora_core.errors import OpenFailedError
from pandora_core.vault.agent.answers import Field
from pandora_core.vault.agent.client import Client, Way
from pandora_core.vault.agent.protocol import Changes, Draft
from pandora_core.vault.agent.secret_sources import passphrase_secret, read_secret_file
from pandora_core.vault.crypto.secret import Secret
from pandora_core.vault.format import entry
from pandora_core.vault.format.entry import Address
from pandora_core.vault.format.keyfile import KeyFile
from pandora_core.vault.format.keyring import ItemType
from pandora_core.vault.format.slots import Credentials
from pandora_core.vault.storage.vault import Vault

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

VALUE = b"a-token-that-nobody-may-find-0123456789"
NEW_VALUE = b"another-that-nobody-may-find-9876543210"
DEPOSITED = b"found-on-host-7-and-left-in-the-vault--"


def copies_in(process_id: int, patterns: dict[str, bytes]) -> dict[str, int]:
    """How often each pattern is in the writable memory of a process; anew if that changes meanwhile."""
    for _ in range(20):
        try:
            return scan(process_id, patterns)
        except OSError:
            time.sleep(0.1)
    raise AssertionError("its memory does not hold still")


def scan(process_id: int, patterns: dict[str, bytes]) -> dict[str, int]:
    counts = dict.fromkeys(patterns, 0)
    with open(f"/proc/{process_id}/maps") as maps, open(f"/proc/{process_id}/mem", "rb", 0) as memory:
        for line in maps:
            addresses, permissions, *_, name = line.split()
            if not permissions.startswith("rw") or name.startswith("[v"):
                continue
            start, end = (int(address, 16) for address in addresses.split("-"))
            memory.seek(start)
            stretch = memory.read(end - start)
            for what, pattern in patterns.items():
                counts[what] += stretch.count(pattern)
    return counts


def secrets_of(backup: Path, key_file: KeyFile) -> dict[str, bytes]:
    """Every secret of a vault by name, and what the seeds of its identities expand to."""
    found: dict[str, bytes] = {}
    with Vault.open(backup) as vault:
        vault.unlock(Credentials(key_file=key_file), by=BY)
        keys = vault._keys
        assert keys is not None
        found["master key"], found["KEK"] = keys.master.reveal(), keys.kek.reveal()
        for type_ in ItemType:
            found[type_.name] = keys.keyring.current(type_).reveal()
        expanded = hashlib.shake_256(found["RECIPIENT_SEED"]).digest(112)
        found["ML-KEM seed"], found["curve key"] = expanded[:64], expanded[64:]
        found["ML-KEM seed of bundles"] = hashlib.shake_256(found["BUNDLE_SEED"]).digest(64)
        header = vault._ledger.header
        for number, row in enumerate(vault._database.entries()):
            address = Address(header.profile, header.vault_id, row.id, row.version, row.epoch)
            with entry.unwrap_dek(keys.kek, header.epoch, address, row.wrapped) as dek:
                found[f"DEK {number}"] = dek.reveal()
    return found


def work_with(place: Place, tmp_path: Path) -> None:
    """Use the vault in every way that touches a secret; it is unlocked afterwards."""
    with Secret.copy_of(DEPOSITED) as value:
        place.client.deposit(Draft(name="deposited", hidden=("token",)), [Field("token", value)])
    client = place.unlock()
    with passphrase_secret(PASSPHRASE) as passphrase:
        slot = client.add_slot("passphrase", Way(passphrase))
        client.lock()
        client.unlock(Way(passphrase))
    put(client, "ibm-quantum", VALUE)
    assert value_of(client, "ibm-quantum") == VALUE
    assert value_of(client, "deposited") == DEPOSITED
    with Secret.copy_of(NEW_VALUE) as value:
        client.edit("ibm-quantum", Changes(note="rotated"), [Field("token", value)])
    client.lease(["ibm-quantum"])
    client.token("ibm-quantum").wipe()
    client.release(["ibm-quantum"])
    sealed = tmp_path / "sealed"
    (tmp_path / "plain").write_bytes(b"evidence" * 20_000)
    with (tmp_path / "plain").open("rb") as source, sealed.open("wb") as sink:
        client.seal(source.fileno(), sink.fileno(), "plain")
    with sealed.open("rb") as source, (tmp_path / "opened").open("wb") as sink:
        client.open(source.fileno(), sink.fileno())
    carry_over(client, tmp_path / "bundle", armored=False)
    carry_over(client, tmp_path / "bundle.asc", armored=True)
    client.history("ibm-quantum")
    client.audit()
    client.remove_slot(slot.id)
    client.make_signer("signs")
    client.sign("signs", b"message", b"a context")
    client.rekey("epoch")
    with read_secret_file(place.key_file, exact=True) as key_file:
        client.rekey("master", [Way(key_file=key_file)])
    client.witness()
    assert client.verify().sound


def carry_over(client: Client, path: Path, *, armored: bool) -> None:
    """Out in a bundle, and in again as a new entry."""
    with path.open("wb") as sink:
        client.export(sink.fileno(), ["ibm-quantum"], [client.recipients().bundle], armored=armored)
    client.remove("ibm-quantum")
    with path.open("rb") as source:
        assert client.import_(source.fileno()).added == ("ibm-quantum",)
    assert value_of(client, "ibm-quantum") == NEW_VALUE


def test_after_locking_no_key_and_no_value_is_in_the_agents_memory(place: Place, tmp_path: Path) -> None:
    work_with(place, tmp_path)
    (tmp_path / "private").mkdir(mode=0o700)
    place.client.backup(tmp_path / "private" / "vault.db")
    with Secret.copy_of(place.key_file.read_bytes()) as content:
        key_file = KeyFile.parse(content.view)
    patterns = secrets_of(tmp_path / "private" / "vault.db", key_file)
    patterns |= {
        "key file": key_file.key.reveal(),
        "passphrase": PASSPHRASE,
        "value": VALUE,
        "new value": NEW_VALUE,
        "deposited value": DEPOSITED,
    }
    with place.client.get("signs") as opened:
        patterns["seed that signs"] = opened.value("seed").reveal()
    gc.collect()
    pid = place.agent_pid()
    unlocked = copies_in(pid, patterns)
    place.client.lock()
    locked = copies_in(pid, patterns)
    # OpenSSL leaves copies of an ML-DSA seed in memory that it freed; docs/operations.md says so.
    assert locked.pop("SIGNING_SEED") <= 2
    assert locked.pop("seed that signs") <= 2
    assert locked == dict.fromkeys(locked, 0)
    held = {"master key", "KEK", "INDEX_KEY", "AUDIT_KEY", "RECIPIENT_SEED", "BUNDLE_SEED"}
    assert all(unlocked[name] >= 1 for name in held)


def test_a_lease_is_in_memory_while_locked_and_gone_when_it_ends(place: Place) -> None:
    client = place.unlock()
    put(client, "ibm-quantum", VALUE)
    client.lease(["ibm-quantum"])
    client.lock()
    assert copies_in(place.agent_pid(), {"value": VALUE}) == {"value": 1}
    client.lock(end_leases=True)
    assert copies_in(place.agent_pid(), {"value": VALUE}) == {"value": 0}


def test_a_wrong_passphrase_leaves_no_copy_of_itself(place: Place) -> None:
    client = place.unlock()
    with passphrase_secret(PASSPHRASE) as passphrase:
        slot = client.add_slot("passphrase", Way(passphrase))
    client.lock()
    assert slot.type == "passphrase"
    for wrong in (b"not the right passphrase at all", b"not the right passphrase either".ljust(1000, b"!")):
        with passphrase_secret(wrong) as passphrase, pytest.raises(OpenFailedError):
            client.unlock(Way(passphrase))
        found = copies_in(place.agent_pid(), {"wrong": wrong[:31], "right": PASSPHRASE})
        assert found == {"wrong": 0, "right": 0}


def test_tracing_by_the_same_user_is_refused_where_we_are_not_root(place: Place) -> None:
    place.unlock()
    if os.geteuid() == 0:
        assert os.stat(f"/proc/{place.agent_pid()}/mem").st_uid == 0
        pytest.skip("root may trace anybody; the owner of /proc/PID/mem was checked")
    with pytest.raises(PermissionError):
        open(f"/proc/{place.agent_pid()}/mem", "rb").close()
