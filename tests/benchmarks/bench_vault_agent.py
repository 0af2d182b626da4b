"""What the vault agent costs: ``python tests/benchmarks/bench_vault_agent.py [--entries 1000] [--mib 256]``.

Prints a round trip of a status and of a get through the agent (median of 500), a list, a put, an unlock by passphrase
and by key file, sealing and opening a file through passed descriptors, and how much the agent's memory grew over it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from pandora_core.vault.agent.answers import Field
from pandora_core.vault.agent.client import Client, Way
from pandora_core.vault.agent.protocol import Draft
from pandora_core.vault.agent.secret_sources import passphrase_secret
from pandora_core.vault.crypto.secret import Secret
from pandora_core.vault.format.keyfile import KeyFile


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=1000)
    parser.add_argument("--mib", type=int, default=256)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:
        client = Client(Path(folder))
        try:
            measure(client, Path(folder), chosen.entries, chosen.mib)
        finally:
            client.stop()


def measure(client: Client, folder: Path, entries: int, mib: int) -> None:
    with KeyFile.generate().encode() as key_file, passphrase_secret("correct horse battery") as passphrase:
        report("start and init", timed(lambda: client.init(Way(key_file=key_file))), "ms")
        report("put (median)", statistics.median(timed(lambda n=n: put(client, n)) for n in range(entries)), "ms")
        report("status (median of 500)", statistics.median(timed(client.status) for _ in range(500)), "ms")
        report("get (median of 500)", statistics.median(timed(lambda: get(client)) for _ in range(500)), "ms")
        report(f"list of {entries}", timed(client.entries), "ms")
        carry_both(client, folder, mib)
        client.add_slot("phrase", Way(passphrase))
        for name, way in (("key file", Way(key_file=key_file)), ("passphrase", Way(passphrase))):
            client.lock()
            report(f"unlock by {name}", timed(lambda way=way: client.unlock(way)), "ms")


def carry_both(client: Client, folder: Path, mib: int) -> None:
    """Before any Argon2id, whose 256 MiB would hide what files take."""
    plain, sealed, opened = (folder / name for name in ("plain", "sealed", "opened"))
    with plain.open("wb") as file:
        for _ in range(mib):
            file.write(os.urandom(1 << 20))
    before_kib = resident_kib(client)
    for name, source, sink in (("seal", plain, sealed), ("open", sealed, opened)):
        took_ms = timed(lambda name=name, source=source, sink=sink: carry(client, name, source, sink))
        report(f"{name} {mib} MiB", mib / took_ms * 1000, "MiB/s")
    report("the agent's peak above the unlocked one", (resident_kib(client) - before_kib) / 1024, "MiB")


def put(client: Client, number: int) -> None:
    with Secret.copy_of(b"x" * 40) as value:
        client.put(Draft(name=f"entry-{number}", hidden=("token",)), [Field("token", value)])


def get(client: Client) -> None:
    client.get("entry-0").wipe()


def carry(client: Client, name: str, source: Path, sink: Path) -> None:
    with source.open("rb") as reading, sink.open("wb") as writing:
        if name == "seal":
            client.seal(reading.fileno(), writing.fileno(), "plain")
        else:
            client.open(reading.fileno(), writing.fileno())


def timed(call: Callable[[], object]) -> float:
    """Milliseconds."""
    started = time.perf_counter()
    call()
    return (time.perf_counter() - started) * 1000


def resident_kib(client: Client) -> int:
    """The agent's peak of resident memory so far."""
    status = Path(f"/proc/{client.status().agent_pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))


def report(what: str, value: float, unit: str) -> None:
    print(f"{what:42} {value:10.2f} {unit}")


if __name__ == "__main__":
    main()
