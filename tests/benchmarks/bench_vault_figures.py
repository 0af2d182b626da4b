"""What the vault promises, measured in one run and shown in one table beside its limits.

    python tests/benchmarks/bench_vault_figures.py               # 10,000 entries, a file of 1 GiB; about two minutes
    python tests/benchmarks/bench_vault_figures.py --entries 1000 --size 67108864

Every figure is the best of several repetitions; beside the wall's clock stands the thread's CPU time, which a busy
machine changes less. Files go from memory to nowhere, beside bare AES-256-GCM over the same bytes, and beside ``age``
where that is on the PATH.
"""

from __future__ import annotations

import argparse
import hashlib
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from bench_vault import GIB, Held, Kept, Nowhere, Zeros
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from pandora_core.vault.crypto import recipients
from pandora_core.vault.crypto.profiles import HIGH
from pandora_core.vault.crypto.providers import choose, present
from pandora_core.vault.crypto.secret import Secret
from pandora_core.vault.crypto.stream import CHUNK_BYTES
from pandora_core.vault.format import sealed
from pandora_core.vault.format.entry import Field
from pandora_core.vault.format.keyfile import KeyFile
from pandora_core.vault.format.slots import Credentials
from pandora_core.vault.format.views import Actor, Draft
from pandora_core.vault.storage import contents
from pandora_core.vault.storage.vault import Vault

BY = Actor("bench", "here")
MIB = 1 << 20


class Took(NamedTuple):
    """Seconds."""

    wall_s: float
    cpu_s: float


class Figure(NamedTuple):
    """A line of the table."""

    what: str
    value: str
    cpu: str = ""
    limit: str = ""


def timed(run: Callable[[], object], number: int = 1) -> Took:
    wall, cpu = time.perf_counter(), time.thread_time()
    for _ in range(number):
        run()
    return Took((time.perf_counter() - wall) / number, (time.thread_time() - cpu) / number)


def best(run: Callable[[], object], repeat: int = 5, number: int = 1) -> Took:
    wall, cpu = zip(*(timed(run, number) for _ in range(repeat)), strict=True)
    return Took(min(wall), min(cpu))


def figure(what: str, took: Took, unit: str, limit: str = "") -> Figure:
    scale = {"us": 1e6, "ms": 1e3}[unit]
    return Figure(what, f"{took.wall_s * scale:.1f} {unit}", f"{took.cpu_s * scale:.1f} {unit}", limit)


def filled(path: Path, way: Credentials, count: int) -> None:
    """A vault of so many entries, made in one commit."""
    with Vault.create(path, way, by=BY) as vault, vault._change("put", "many", BY) as change:
        for number in range(count):
            fields = (Field("user", Secret.copy_of(b"kim")), Field("password", Secret(24)))
            draft = Draft(f"entry {number}", "login", fields=fields, hidden=("password",))
            vault._contents.insert(change, vault._unlocked(), contents.meta_of(draft, change.at_ms), fields)


def entries(folder: Path, count: int) -> Iterator[Figure]:
    """Opening (before a passphrase is asked for), unlocking after the KDF, the first list; get; a durable put."""
    path, way = folder / "vault.db", Credentials(key_file=KeyFile.generate())
    filled(path, way, count)
    opening, after_kdf = [], []
    for _ in range(5):
        vaults: list[Vault] = []
        opening.append(timed(lambda kept=vaults: kept.append(Vault.open(path))))
        (vault,) = vaults
        after_kdf.append((timed(partial(vault.unlock, way, by=BY)), timed(vault.list)))
        again, found = best(vault.list), best(partial(vault.find, "entry 77"))
        vault.close()
    yield figure(f"open {count:,} entries, locked and verified", lowest(opening), "ms")
    yield figure("unlock after the KDF", lowest([unlock for unlock, _ in after_kdf]), "ms")
    both = [Took(a.wall_s + b.wall_s, a.cpu_s + b.cpu_s) for a, b in after_kdf]
    yield figure("unlock after the KDF and first list", lowest(both), "ms", "250 ms")
    yield figure("list again", again, "ms")
    yield figure("find", found, "ms")
    with Vault.open(path) as vault:
        vault.unlock(way, by=BY)
        vault.list()
        yield figure("get", best(lambda: vault.get("entry 77", by=BY).wipe(), 15, 400), "us", "50 us")
        drafts = (Draft(f"new {n}", fields=(Field("token", Secret(32)),)) for n in range(count))
        yield figure("durable put", best(lambda: vault.put(next(drafts), by=BY), 7, 10), "ms")


def lowest(taken: list[Took]) -> Took:
    return Took(*(min(column) for column in zip(*taken, strict=True)))


def files(folder: Path, size: int) -> Iterator[Figure]:
    """A file sealed and opened with its custody, and what that takes of memory at two sizes."""
    way = Credentials(key_file=KeyFile.generate())
    with Vault.create(folder / "files.db", way, by=BY) as vault:
        seal = partial(vault.seal_file, name="evidence", by=BY)
        before_kib = peak_kib()
        for each in (size // 16, size):
            seal(Zeros(each), Nowhere())
            yield Figure(f"memory above the unlocked one, sealing {each // MIB} MiB", grown(before_kib), "", "16 MiB")
        bare = best(partial(bare_cipher, size), 3)
        yield rate(f"bare AES-256-GCM, {size // MIB} MiB", size, bare, bare)
        yield rate("bare SHA-384, which custody takes of both sides", size, best(partial(bare_hash, size), 2), bare)
        yield rate("sealed file alone", size, best(partial(seal_alone, size), 3), bare)
        yield rate("seal with custody", size, best(lambda: seal(Zeros(size), Nowhere()), 3), bare)
        kept = Kept(size + size // 2048 + 100_000)
        seal(Zeros(size), kept)
        before_kib = peak_kib()
        opened = best(lambda: vault.open_file(Held(kept.memory[: kept.size]), Nowhere(), by=BY), 3)
        yield rate("open with custody", size, opened, bare)
        yield Figure(f"memory above, opening {size // MIB} MiB", grown(before_kib), "", "16 MiB")
    yield stock_age(size, bare)


def bare_cipher(size: int) -> None:
    cipher, chunk, out = AESGCM(bytes(32)), bytearray(CHUNK_BYTES), bytearray(CHUNK_BYTES + 16)
    for number in range(size // CHUNK_BYTES):
        cipher.encrypt_into(number.to_bytes(12), chunk, None, out)


def bare_hash(size: int) -> None:
    digest, chunk = hashlib.sha384(), bytearray(CHUNK_BYTES)
    for _ in range(size // CHUNK_BYTES):
        digest.update(chunk)


def seal_alone(size: int) -> None:
    """Without the hashes of custody."""
    provider = choose()
    to = sealed.Destination(HIGH, bytes(16), (recipients.generate(provider, HIGH.suite).recipient,))
    sealed.seal_file(provider, to, sealed.Note(name="x", sealed_ms=1), Zeros(size), Nowhere()).dek.wipe()


def stock_age(size: int, bare: Took) -> Figure:
    if shutil.which("age") is None:
        return Figure("stock age", "not on the PATH")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        plain, key = Path(folder) / "plain", Path(folder) / "key"
        with plain.open("wb") as file:
            file.truncate(size)
        subprocess.run(["age-keygen", "-pq", "-o", str(key)], check=True, capture_output=True)
        command = ["age", "-e", "-i", str(key), "-o", "/dev/null", str(plain)]
        return rate("stock age, sealing", size, best(lambda: subprocess.run(command, check=True), 3), bare)


def rate(what: str, size: int, took: Took, bare: Took) -> Figure:
    part = f"{bare.wall_s / took.wall_s:.0%} of bare"
    return Figure(what, f"{size / took.wall_s / 1e6:.0f} MB/s", f"{took.wall_s:.2f} s", part)


def peak_kib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def grown(before_kib: int) -> str:
    return f"{(peak_kib() - before_kib) / 1024:.1f} MiB"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--entries", type=int, default=10_000)
    parser.add_argument("--size", type=int, default=GIB, help="bytes of the file")
    chosen = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, {', '.join(f'{each.name} {each.version}' for each in present())}")
    print(f"{'':52} {'wall':>14} {'CPU, or time':>14}  limit, or part")
    with tempfile.TemporaryDirectory() as folder:
        for group in (files(Path(folder), chosen.size), entries(Path(folder), chosen.entries)):
            for line in group:
                print(f"{line.what:52} {line.value:>14} {line.cpu:>14}  {line.limit}", flush=True)


if __name__ == "__main__":
    main()
