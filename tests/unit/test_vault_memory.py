"""What another process finds of keys in the memory of one that used them: see ``vault_victim.py``."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from vault_victim import MASK

VICTIM = Path(__file__).with_name("vault_victim.py")
ALWAYS_HELD = {"master key", "KEK", "recipient seed", "bundle seed", "key file"}
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def copies_in(process_id: int, pattern: bytes) -> int:
    """How often a pattern is in the writable memory of a process."""
    count = 0
    with open(f"/proc/{process_id}/maps") as maps, open(f"/proc/{process_id}/mem", "rb", 0) as memory:
        for line in maps:
            addresses, permissions, *_, name = line.split()
            if not permissions.startswith("rw") or name.startswith("[v"):
                continue
            start, end = (int(address, 16) for address in addresses.split("-"))
            memory.seek(start)
            count += memory.read(end - start).count(pattern)
    return count


def patterns_of(line: str) -> dict[str, bytes]:
    """What the victim named, and what the seeds of hybrid identities expand to."""
    named = {name: bytes(octet ^ MASK for octet in bytes.fromhex(text)) for name, text in json.loads(line).items()}
    expanded = hashlib.shake_256(named["recipient seed"]).digest(112)
    curve = expanded[64:]
    return named | {"ML-KEM half": expanded[:64], "curve half": curve[:32], "curve half, limbs": curve[::-1][:32]}


@pytest.mark.parametrize(
    "profile",
    ["high", pytest.param("standard", marks=pytest.mark.slow), pytest.param("cnsa", marks=pytest.mark.slow)],
)
def test_every_key_is_in_memory_once_while_unlocked_and_never_after(provider, profile):
    command = [sys.executable, str(VICTIM), provider.name, profile]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as victim:
        assert victim.stdin
        assert victim.stdout
        unlocked = {name: copies_in(victim.pid, each) for name, each in patterns_of(victim.stdout.readline()).items()}
        victim.stdin.write("\n")
        victim.stdin.flush()
        locked = {name: copies_in(victim.pid, each) for name, each in patterns_of(victim.stdout.readline()).items()}
        victim.stdin.write("\n")
    assert victim.returncode == 0
    # OpenSSL leaves a copy of an ML-DSA seed in memory that it freed; docs/vault-format.md says so.
    for counts in (unlocked, locked):
        assert counts.pop("signing seed") <= 2
    assert unlocked == {name: int(name in ALWAYS_HELD) for name in unlocked}
    assert locked == dict.fromkeys(locked, 0)
