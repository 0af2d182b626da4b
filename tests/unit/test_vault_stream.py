"""STREAM: any size in constant memory, and nothing cut, moved or added unseen."""

from __future__ import annotations

import io
import tracemalloc

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from hypothesis import given
from hypothesis import strategies as st
from vault_samples import Dribble

from pandora_core.errors import OpenFailedError
from pandora_core.vault.crypto.stream import CHUNK_BYTES, SEALED_CHUNK_BYTES, ChunkOpener, ChunkSealer

KEY = bytes(range(32))
EDGES = [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 2 * CHUNK_BYTES + 1]
EACH_CIPHER = pytest.mark.parametrize("cipher", [AESGCM(KEY), ChaCha20Poly1305(KEY)], ids=["aes", "chacha"])


def seal(cipher, data):
    sink = io.BytesIO()
    with ChunkSealer(cipher, sink) as sealer:
        assert sealer.write_from(io.BytesIO(data)) == len(data)
    return sink.getvalue()


def open_all(cipher, sealed):
    sink = io.BytesIO()
    with ChunkOpener(cipher, io.BytesIO(sealed)) as opener:
        assert opener.copy_to(sink) == len(sink.getvalue())
    return sink.getvalue()


def pattern(size):
    return (b"0123456789abcdef" * (size // 16 + 1))[:size]


@EACH_CIPHER
@pytest.mark.parametrize("size", EDGES)
def test_any_size_comes_back_and_takes_a_tag_for_each_chunk(cipher, size):
    sealed = seal(cipher, pattern(size))
    assert len(sealed) == size + 16 * max(1, -(-size // CHUNK_BYTES))
    assert open_all(cipher, sealed) == pattern(size)


@given(pieces=st.lists(st.integers(0, 100_000), max_size=6), reads=st.integers(1, 90_000))
def test_pieces_of_any_length_in_and_out_make_no_difference(pieces, reads):
    data, cipher, sink, at = pattern(sum(pieces)), AESGCM(KEY), io.BytesIO(), 0
    with ChunkSealer(cipher, sink) as sealer:
        for piece in pieces:
            sealer.write(data[at : at + piece])
            at += piece
    assert sink.getvalue() == seal(cipher, data)
    read = bytearray()
    with ChunkOpener(cipher, Dribble(sink.getvalue(), at_most=reads)) as opener:
        buffer = memoryview(bytearray(reads))
        while count := opener.readinto(buffer):
            read += buffer[:count]
    assert read == data


@EACH_CIPHER
@pytest.mark.parametrize("size", EDGES)
def test_a_stream_can_be_opened_from_the_specification_alone(cipher, size):
    sealed, plain = seal(cipher, pattern(size)), b""
    chunks = [sealed[at : at + SEALED_CHUNK_BYTES] for at in range(0, len(sealed), SEALED_CHUNK_BYTES)]
    for number, chunk in enumerate(chunks):
        nonce = number.to_bytes(11) + bytes((number == len(chunks) - 1,))
        plain += cipher.decrypt(nonce, chunk, None)
    assert plain == pattern(size)


@EACH_CIPHER
@pytest.mark.parametrize("size", EDGES)
def test_cuts_flips_and_additions_end_in_one_error_and_nothing_false_is_read(cipher, size):
    sealed = seal(cipher, pattern(size))
    starts = range(0, len(sealed), SEALED_CHUNK_BYTES)
    spoiled = [sealed[:-1], sealed + b"\0", sealed + seal(cipher, b""), b"", sealed[: len(sealed) // 2]]
    spoiled += [sealed[:start] for start in starts]
    spoiled += [
        sealed[:at] + bytes((sealed[at] ^ 1,)) + sealed[at + 1 :] for at in {0, len(sealed) // 2, len(sealed) - 1}
    ]
    for each in spoiled:
        sink = io.BytesIO()
        with ChunkOpener(cipher, io.BytesIO(each)) as opener, pytest.raises(OpenFailedError):
            opener.copy_to(sink)
        assert pattern(size).startswith(sink.getvalue())


def test_swapped_repeated_and_dropped_chunks_are_refused():
    cipher = AESGCM(KEY)
    sealed = seal(cipher, pattern(3 * CHUNK_BYTES + 5))
    first, second, third, last = (
        sealed[at : at + SEALED_CHUNK_BYTES] for at in range(0, len(sealed), SEALED_CHUNK_BYTES)
    )
    orders = [(second, first, third, last), (first, first, third, last), (first, third, last), (first, second, last)]
    for order in [*orders, (first, last), (first, second, third), (last,)]:
        with pytest.raises(OpenFailedError):
            open_all(cipher, b"".join(order))


def test_only_an_empty_stream_may_end_in_an_empty_chunk():
    cipher = AESGCM(KEY)
    full = cipher.encrypt(bytes(12), pattern(CHUNK_BYTES), None)
    empty = cipher.encrypt((1).to_bytes(11) + b"\1", b"", None)
    with pytest.raises(OpenFailedError):
        open_all(cipher, full + empty)
    assert open_all(cipher, cipher.encrypt(bytes(11) + b"\1", b"", None)) == b""


def test_a_broken_stream_stays_broken_for_who_reads_on():
    cipher = AESGCM(KEY)
    sealed = bytearray(seal(cipher, pattern(3 * CHUNK_BYTES)))
    sealed[SEALED_CHUNK_BYTES + 5] ^= 1
    with ChunkOpener(cipher, io.BytesIO(sealed)) as opener:
        assert len(opener.next_chunk()) == CHUNK_BYTES
        for _ in range(3):
            with pytest.raises(OpenFailedError):
                opener.next_chunk()


def test_a_writer_that_fails_leaves_a_stream_that_does_not_open():
    class Failing:
        def readinto(self, buffer: memoryview, /) -> int:
            raise OSError("unplugged")

    def write_and_fail() -> None:
        with ChunkSealer(cipher, sink) as sealer:
            sealer.write(pattern(CHUNK_BYTES * 2))
            sealer.write_from(Failing())

    cipher, sink = AESGCM(KEY), io.BytesIO()
    with pytest.raises(OSError, match="unplugged"):
        write_and_fail()
    with pytest.raises(OpenFailedError):
        open_all(cipher, sink.getvalue())


class Endless:
    def __init__(self, size: int) -> None:
        self.left = size

    def readinto(self, buffer: memoryview, /) -> int:
        count = min(self.left, len(buffer))
        self.left -= count
        return count


class Nowhere:
    def write(self, octets: memoryview, /) -> int:
        return len(octets)


def test_memory_does_not_grow_with_the_size():
    cipher = AESGCM(KEY)
    peaks = []
    for size in (1 << 20, 1 << 26):
        tracemalloc.start()
        with ChunkSealer(cipher, Nowhere()) as sealer:
            sealer.write_from(Endless(size))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert max(peaks) < 300_000
    assert abs(peaks[1] - peaks[0]) < 10_000
