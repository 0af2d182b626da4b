"""How fast the vault is, beside the bare cipher in the same run.

    python tests/benchmarks/bench_vault.py            # all of it, about a minute
    python tests/benchmarks/bench_vault.py get open   # parts: get open stream bundle kem kdf

``bench_vault_figures.py`` measures the whole vault. Figures are the best of several repetitions; the machine should
be idle.
"""

from __future__ import annotations

import argparse
import io
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

from pandora_core.vault.age import file as age
from pandora_core.vault.age.keys import PostQuantumIdentity
from pandora_core.vault.crypto import kdf, providers, recipients
from pandora_core.vault.crypto.profiles import BUNDLE_SUITE, HIGH, PROFILES, SUITES, Profile
from pandora_core.vault.crypto.secret import Secret
from pandora_core.vault.crypto.stream import CHUNK_BYTES
from pandora_core.vault.format import entry, manifest, sealed
from pandora_core.vault.format.entry import Address, Field, Meta, Opener

GIB = 1 << 30
VAULT_ID = bytes(16)


class Zeros:
    """A source of so many bytes."""

    def __init__(self, size: int) -> None:
        self._left = size

    def readinto(self, buffer: memoryview, /) -> int:
        count = min(self._left, len(buffer))
        self._left -= count
        return count


class Held(io.RawIOBase):
    """A source over bytes in memory that are copied out, as a file in the page cache is."""

    def __init__(self, data: memoryview) -> None:
        self._data, self._at = data, 0

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        taken = self._data[self._at : self._at + len(buffer)]
        buffer[: len(taken)] = taken
        self._at += len(taken)
        return len(taken)


class Kept:
    """A sink into memory that was there before."""

    def __init__(self, size: int) -> None:
        self.memory = memoryview(bytearray(size))
        self.size = 0

    def write(self, octets: memoryview, /) -> int:
        self.memory[self.size : self.size + len(octets)] = octets
        self.size += len(octets)
        return len(octets)


class Nowhere:
    """A sink that keeps nothing."""

    def write(self, octets: memoryview, /) -> int:
        return len(octets)


def best_us(run: Callable[[], object], repeat: int = 7, number: int = 200) -> float:
    """Best mean of several runs, in microseconds."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        for _ in range(number):
            run()
        times.append((time.perf_counter() - start) / number)
    return min(times) * 1e6


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


class Row(NamedTuple):
    """A version as the database has it."""

    id: bytes
    version: int
    epoch: int
    wrapped: bytes
    meta: bytes
    secret: bytes


def sealed_row(kek: Secret, profile: Profile, meta: Meta, size: int) -> Row:
    address = Address(profile, VAULT_ID, os.urandom(16), 1, 1)
    made = entry.seal_entry(kek, 1, address, meta, [Field("token", Secret.copy_of(b"x" * size))])
    return Row(address.entry_id, 1, 1, made.wrapped, made.meta, made.secret)


def bench_get() -> None:
    """One entry: name tag, DEK, values; as an unlocked vault does it, without the database."""
    with Secret.random(32) as kek, Secret.random(32) as index_key:
        for profile in PROFILES:
            meta = Meta(name="IBM token", kind="token", created_ms=1, changed_ms=1, fields=("token",))
            row, opener = sealed_row(kek, profile, meta, 64), Opener(profile, VAULT_ID)

            def get(row: Row = row, opener: Opener = opener) -> None:
                entry.name_tag(index_key, "IBM token")
                for field in opener.fields(opener.unwrap(kek, 1, row), row, row.secret):
                    field.value.wipe()
                opener.clear()

            def put(profile: Profile = profile, meta: Meta = meta) -> None:
                sealed_row(kek, profile, meta, 64)

            print(f"get {profile.name:9} {best_us(get):6.1f} us   put {best_us(put):6.1f} us")
            opener.wipe()


def bench_open() -> None:
    """Ten thousand entries after the KDF: leaves and root, every DEK, every META."""
    count = 10_000
    with Secret.random(32) as kek:
        metas = (
            Meta(name=f"entry {number}", kind="login", created_ms=1, changed_ms=1, fields=("user", "password"))
            for number in range(count)
        )
        rows = [sealed_row(kek, HIGH, meta, 32) for meta in metas]

        def verify() -> bytes:
            leaves = []
            for row in rows:
                key = row.id + row.version.to_bytes(8)
                leaves.append((key, manifest.leaf(key, [1, bytes(24), row.wrapped, row.meta, row.secret])))
            return manifest.Table(leaves).root()

        opener = Opener(HIGH, VAULT_ID)

        def open_all() -> None:
            for row in rows:
                opener.meta(opener.unwrap(kek, 1, row), row)

        root_ms = min(seconds(verify) for _ in range(3)) * 1e3
        meta_ms = min(seconds(open_all) for _ in range(3)) * 1e3
        opener.wipe()
        print(f"open {count}: root {root_ms:.0f} ms + META {meta_ms:.0f} ms = {root_ms + meta_ms:.0f} ms")
        table = manifest.Table((bytes((n % 256, n // 256)) + bytes(14), bytes(48)) for n in range(count))
        table.root()

        def change() -> None:
            table.put(bytes(16), os.urandom(48))
            table.root()

        print(f"root after one change of {count}: {best_us(change):.0f} us")


def bench_stream(size: int) -> None:
    """RAM to nowhere: the bare cipher in one buffer of 64 KiB, then sealed files of each profile, then age."""
    provider = providers.choose()
    chunk, out = bytearray(CHUNK_BYTES), bytearray(CHUNK_BYTES + 16)
    for name, cipher in (("AES-256-GCM", AESGCM(bytes(32))), ("ChaCha20-Poly1305", ChaCha20Poly1305(bytes(32)))):

        def raw(cipher: AESGCM | ChaCha20Poly1305 = cipher) -> None:
            for number in range(size // CHUNK_BYTES):
                cipher.encrypt_into(number.to_bytes(12), chunk, None, out)

        print(f"bare {name:17} {_rate(size, raw)}")
    for profile in PROFILES:
        mine = recipients.generate(provider, profile.suite)
        to = sealed.Destination(profile, VAULT_ID, (mine.recipient,))
        seal = partial(sealed.seal_file, provider, to, sealed.Note(name="x", sealed_ms=1))
        print(f"seal {profile.name:17} {_rate(size, lambda seal=seal: seal(Zeros(size), Nowhere()))}")
        kept = Kept(size + size // 2048 + 100_000)
        seal(Zeros(size), kept)
        print(f"open {profile.name:17} {_rate(size, partial(_open_file, provider, mine.identity, kept))}")


def _open_file(provider: providers.Provider, identity: recipients.Identity, kept: Kept) -> None:
    source = Held(kept.memory[: kept.size])
    header = sealed.read_header(source)
    dek = sealed.unwrap_dek(provider, header, identity)
    with dek, sealed.OpenedFile(header, dek, source) as file:
        file.data.copy_to(Nowhere())


def bench_bundle(size: int) -> None:
    """age: write and read, RAM to nowhere."""
    provider = providers.choose()
    mine = recipients.generate(provider, BUNDLE_SUITE)

    def write(sink: Kept | Nowhere) -> None:
        with age.Writer(provider, [mine.recipient], sink) as writer:
            writer.write_from(Zeros(size))

    print(f"age write              {_rate(size, lambda: write(Nowhere()))}")
    kept = Kept(size + size // 2048 + 100_000)
    write(kept)

    def read() -> None:
        buffer = memoryview(bytearray(CHUNK_BYTES))
        with age.Reader(Held(kept.memory[: kept.size]), [PostQuantumIdentity(provider, mine.identity)]) as reader:
            while reader.readinto(buffer):
                continue

    print(f"age read               {_rate(size, read)}")


def bench_kem() -> None:
    """Each provider: sealing a key to a recipient, opening it, signing, verifying."""
    for provider in providers.present():
        for suite in SUITES:
            mine = recipients.generate(provider, suite)
            seal = partial(mine.recipient.seal, provider, b"i", bytes(32))
            unseal = partial(mine.identity.open, provider, b"i", seal())
            print(f"{provider.name:6} {suite.name:15} seal {best_us(seal, number=20):6.0f} us   ", end="")
            print(f"open {best_us(unseal, number=20):6.0f} us")
        for algorithm in ("ML-DSA-65", "ML-DSA-87"):
            signer, pair = provider.signer(algorithm), providers.new_signing_key(provider, algorithm)
            sign = partial(signer.sign, pair.seed.view, b"m", b"")
            verify = partial(signer.verify, pair.public_key, b"m", sign(), b"")
            # The number of tries of a signature is random: the mean says more than the best.
            mean_us = statistics.mean(seconds(sign) for _ in range(200)) * 1e6
            print(f"{provider.name:6} {algorithm:15} sign {mean_us:6.0f} us   ", end="")
            print(f"verify {best_us(verify, number=20):6.0f} us")


def bench_kdf() -> None:
    """Argon2id at its default and at its floor."""
    for cost in (kdf.Argon2Cost(), kdf.Argon2Cost(memory_kib=65_536)):
        with Secret.copy_of(b"passphrase") as passphrase:
            best = min(seconds(partial(kdf.stretch_passphrase, passphrase, bytes(32), cost)) for _ in range(3))
        print(f"Argon2id {cost.memory_kib // 1024} MiB, t={cost.passes}, p={cost.lanes}: {best:.2f} s")


def _rate(size: int, run: Callable[[], object]) -> str:
    peak_before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    best = min(seconds(run) for _ in range(3))
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak_before) / 1024
    return f"{size / best / 1e6:6.0f} MB/s  {best:5.2f} s  memory +{grown:.1f} MiB"


PARTS: dict[str, Callable[[argparse.Namespace], None]] = {
    "get": lambda _: bench_get(),
    "open": lambda _: bench_open(),
    "stream": lambda options: bench_stream(options.size),
    "bundle": lambda options: bench_bundle(options.size),
    "kem": lambda _: bench_kem(),
    "kdf": lambda _: bench_kdf(),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="which parts; all by default")
    parser.add_argument("--size", type=int, default=GIB, help="bytes of stream and bundle")
    options = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, {', '.join(f'{p.name} {p.version}' for p in providers.present())}")
    for name in options.parts or PARTS:
        PARTS[name](options)


if __name__ == "__main__":
    main()
