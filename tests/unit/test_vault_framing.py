"""Messages between the vault agent and its clients: whole, bounded, and hostile ones."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from pandora_core.errors import VaultFormatError
from pandora_core.vault.agent import framing
from pandora_core.vault.agent.framing import Frame
from pandora_core.vault.crypto.secret import Secret

Pair = tuple[socket.socket, socket.socket]
LIMIT = 1000


@pytest.fixture
def pair() -> Iterator[Pair]:
    left, right = socket.socketpair()
    with left, right:
        yield left, right


def received(connection: socket.socket, *, wait_s: float = 5.0, frame_s: float = 5.0) -> Frame:
    frame = framing.receive(connection, words_limit_bytes=LIMIT, wait_s=wait_s, frame_s=frame_s)
    assert frame is not None
    return frame


def raw(words: bytes, sizes: tuple[int, ...] = (), secrets: bytes = b"") -> bytearray:
    head = b"PVA1" + len(words).to_bytes(4) + len(sizes).to_bytes(2) + b"\0\0"
    return bytearray(head + b"".join(size.to_bytes(4) for size in sizes) + words + secrets)


def test_words_and_secrets_arrive_as_they_were_sent(pair: Pair) -> None:
    with Secret.copy_of(b"first") as first, Secret(0) as empty, Secret.copy_of(b"x" * 70_000) as long:
        sender = threading.Thread(target=framing.send, args=(pair[0], b"words", (first, empty, long)))
        sender.start()
        with received(pair[1]) as frame:
            assert frame.words == b"words"
            assert frame.secrets == (first, empty, long)
        sender.join()


def test_secrets_of_a_frame_are_wiped_when_it_is_left(pair: Pair) -> None:
    with Secret.copy_of(b"gone") as secret:
        framing.send(pair[0], b"", (secret,))
    with received(pair[1]) as frame:
        (held,) = frame.secrets
    with pytest.raises(ValueError, match="released"):
        bytes(held.view)


def test_an_open_file_travels_and_is_closed_with_the_frame(pair: Pair) -> None:
    reader, writer = os.pipe()
    framing.send(pair[0], b"", files=(writer,))
    os.close(writer)
    with received(pair[1]) as frame:
        os.write(frame.files[0], b"through")
        assert os.read(reader, 10) == b"through"
        assert not os.get_inheritable(frame.files[0])
    assert os.read(reader, 10) == b""
    os.close(reader)


def test_a_hang_up_between_frames_is_none(pair: Pair) -> None:
    pair[0].close()
    assert framing.receive(pair[1], words_limit_bytes=LIMIT, wait_s=1, frame_s=1) is None


@pytest.mark.parametrize(
    "octets",
    [
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", id="another protocol"),
        pytest.param(raw(b"x" * (LIMIT + 1)), id="words over the limit"),
        pytest.param(b"PVA1\xff\xff\xff\xff\0\0\0\0", id="words of 4 GiB"),
        pytest.param(b"PVA1\0\0\0\0\xff\xff\0\0", id="65,535 secrets"),
        pytest.param(raw(b"", (framing.SECRETS_LIMIT_BYTES + 1,)), id="a secret over the limit"),
        pytest.param(raw(b"", (2**32 - 1,) * 3), id="secrets of 12 GiB"),
        pytest.param(b"PVA1\0\0\0\0\0\0\1\0", id="a file that is not there"),
        pytest.param(b"PVA1\0\0\0\0\0\0\0\1", id="a byte that is to be zero"),
        pytest.param(bytes(64), id="zeros"),
    ],
)
def test_what_is_out_of_bounds_is_refused_before_memory_is_taken(pair: Pair, octets: bytes) -> None:
    pair[0].sendall(octets)
    before = peak_kib()
    with pytest.raises(VaultFormatError):
        received(pair[1], frame_s=1)
    assert peak_kib() - before < 4096


def test_a_file_that_was_not_announced_is_refused_and_closed(pair: Pair) -> None:
    reader, writer = os.pipe()
    socket.send_fds(pair[0], [b"PVA1\0\0\0\0\0\0\0\0"], [writer])
    os.close(writer)
    with pytest.raises(VaultFormatError):
        received(pair[1])
    assert os.read(reader, 1) == b""
    os.close(reader)


def test_every_truncation_ends_in_an_error_and_leaves_no_secret(pair: Pair) -> None:
    whole = raw(b"words", (3, 5), b"onetwo!!")
    for cut in range(1, len(whole)):
        left, right = socket.socketpair()
        with left, right:
            left.sendall(whole[:cut])
            left.shutdown(socket.SHUT_WR)
            with pytest.raises(ConnectionError):
                received(right)


def test_every_flip_of_the_head_is_refused_or_read_within_bounds(pair: Pair) -> None:
    whole = raw(b"words", (3,), b"one")
    for bit in range(8 * 12):
        spoiled = bytearray(whole)
        spoiled[bit // 8] ^= 1 << bit % 8
        left, right = socket.socketpair()
        with left, right:
            left.sendall(spoiled)
            left.shutdown(socket.SHUT_WR)
            try:
                received(right).close()
            except (VaultFormatError, ConnectionError):
                continue


def test_a_message_that_is_dribbled_is_cut_off_however_steadily_it_comes(pair: Pair) -> None:
    stop = threading.Event()

    def dribble() -> None:
        for octet in raw(b"w" * LIMIT):
            if stop.wait(0.02):
                return
            pair[0].send(bytes((octet,)))

    sender = threading.Thread(target=dribble)
    sender.start()
    started_s = time.monotonic()
    with pytest.raises(TimeoutError):
        received(pair[1], frame_s=0.3)
    assert time.monotonic() - started_s < 5
    stop.set()
    sender.join()


def test_one_that_says_nothing_is_not_waited_for(pair: Pair) -> None:
    with pytest.raises(TimeoutError):
        received(pair[1], wait_s=0.05)


def test_a_socket_is_reached_however_long_its_path(tmp_path) -> None:
    folder = tmp_path / ("d" * 120) / ("e" * 120)
    folder.mkdir(parents=True)
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
        with framing.Reachable(folder) as path:
            listener.bind(path)
        listener.listen(1)
        with framing.Reachable(folder) as path:
            client.connect(path)
    assert (folder / framing.SOCKET_NAME).is_socket()


def test_the_kernel_says_who_is_at_the_other_end(pair: Pair) -> None:
    assert framing.peer_uid(pair[0]) == os.geteuid()


def peak_kib() -> int:
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmPeak"))
