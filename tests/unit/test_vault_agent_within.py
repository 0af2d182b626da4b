"""The vault agent within one process: its clocks, who it lets in, how long it waits, and when it leaves."""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pandora_core.errors import NotFoundError, RefusedError, TamperedError, VaultError, VaultLockedError
from pandora_core.vault.agent import framing, protocol
from pandora_core.vault.agent import process as vault_agent
from pandora_core.vault.agent.answers import EntryView, Field
from pandora_core.vault.agent.client import Client, Way
from pandora_core.vault.agent.desk import Desk
from pandora_core.vault.agent.hardening import Hardening
from pandora_core.vault.agent.keeper import Keeper
from pandora_core.vault.agent.leases import Leases
from pandora_core.vault.agent.process import Agent, Patience, SleepWatch, instance_lock
from pandora_core.vault.agent.protocol import Draft, Failure
from pandora_core.vault.agent.secret_sources import passphrase_secret
from pandora_core.vault.crypto.secret import Secret
from pandora_core.vault.format.keyfile import KeyFile
from pandora_core.vault.format.slots import Credentials
from pandora_core.vault.format.views import Actor
from pandora_core.vault.storage.vault import Vault

BY = Actor("tester", "here")


class FakeClock:
    """Three clocks that go on only when they are told to."""

    def __init__(self) -> None:
        self.running, self.passed, self.wall = 100.0, 500.0, 1e9

    def running_s(self) -> float:
        return self.running

    def passed_s(self) -> float:
        return self.passed

    def wall_s(self) -> float:
        return self.wall

    def run(self, seconds: float) -> None:
        self.running += seconds
        self.sleep(seconds)

    def sleep(self, seconds: float) -> None:
        self.passed += seconds
        self.wall += seconds


class Running:
    """An agent on a thread, its clock, and a client."""

    def __init__(self, data: Path, clock: FakeClock, **options: object) -> None:
        self.clock = clock
        self.keeper = Keeper(data, Hardening(True, True), clock.passed_s)
        self.agent = Agent(data, Desk(self.keeper), clock=clock, **options)  # type: ignore[arg-type]
        self.thread = threading.Thread(target=self.agent.serve)
        self.client = Client(data, "alice")
        self.data = data

    def tick(self) -> None:
        """Let the agent look at its clocks."""
        self.agent._pulse.set()
        self.agent._say(b" ")

    @contextlib.contextmanager
    def connected(self) -> Iterator[socket.socket]:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(10)
            connection.connect(str(self.data / framing.SOCKET_NAME))
            yield connection


@pytest.fixture(scope="module")
def key_file() -> KeyFile:
    return KeyFile.generate()


@pytest.fixture(scope="module")
def template(tmp_path_factory, key_file: KeyFile) -> bytes:
    path = tmp_path_factory.mktemp("template") / "vault.db"
    path.parent.chmod(0o700)
    with Vault.create(path, Credentials(key_file=key_file), by=BY) as vault, Secret.copy_of(b"value") as value:
        vault.put(vault_draft("ibm-quantum", value), by=BY)
        vault.lock(by=BY)
    return path.read_bytes()


@pytest.fixture
def data(tmp_path: Path, template: bytes) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    (folder / "vault.db").touch(mode=0o600)
    (folder / "vault.db").write_bytes(template)
    return folder


@pytest.fixture
def start(data: Path) -> Iterator[Callable[..., Running]]:
    """Starts an agent in this process, with a lock as the real one has; all are stopped afterwards."""
    with contextlib.ExitStack() as held:

        def start(**options: object) -> Running:
            held.enter_context(instance_lock(data))
            running = Running(data, FakeClock(), **options)
            held.callback(running.keeper.close)
            held.callback(running.thread.join)
            held.callback(running.agent.stop)
            running.thread.start()
            eventually(lambda: is_listened_to(data))  # the socket's file is there a moment before it is listened to
            return running

        yield start


def is_listened_to(data: Path) -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(data / framing.SOCKET_NAME))
        return True
    return False


def unlock(running: Running, key_file: KeyFile, **options: object) -> None:
    with key_file.encode() as content:
        running.client.unlock(Way(key_file=content), **options)  # type: ignore[arg-type]


def test_it_locks_after_240_seconds_without_use_and_not_before(start, key_file) -> None:
    running = start()
    unlock(running, key_file)
    running.clock.run(239)
    running.tick()
    assert running.client.status().locks_in_s == 1
    running.clock.run(2)
    running.tick()
    eventually(lambda: running.client.status().state == "locked")


def test_a_status_is_no_use_and_a_read_is(start, key_file) -> None:
    running = start()
    unlock(running, key_file)
    running.clock.run(200)
    assert running.client.status().locks_in_s == 40
    running.client.get("ibm-quantum").wipe()
    assert running.client.status().locks_in_s == 240


def test_a_sleep_of_the_machine_locks_at_once_and_leaves_leases(start, key_file) -> None:
    running = start()
    unlock(running, key_file, leases=["ibm-quantum"])
    running.clock.sleep(5)
    running.tick()
    eventually(lambda: running.client.status().state == "locked")
    with running.client.token("ibm-quantum") as token:
        assert token.reveal() == b"value"


def test_a_snapshot_that_is_resumed_locks_at_once(start, key_file) -> None:
    running = start()
    unlock(running, key_file)
    running.clock.wall += 3600
    running.tick()
    eventually(lambda: running.client.status().state == "locked")


@pytest.mark.parametrize(
    ("move", "slept"),
    [
        pytest.param(lambda clock: clock.run(10_000), False, id="time passes"),
        pytest.param(lambda clock: clock.sleep(3), True, id="it slept"),
        pytest.param(lambda clock: setattr(clock, "wall", clock.wall + 5), False, id="the calendar is set right"),
        pytest.param(lambda clock: setattr(clock, "wall", clock.wall + 61), True, id="a snapshot was resumed"),
        pytest.param(lambda clock: setattr(clock, "wall", clock.wall - 500), False, id="the calendar is set back"),
    ],
)
def test_where_clocks_part_the_machine_slept(move, slept: bool) -> None:
    clock = FakeClock()
    watch = SleepWatch(clock)
    move(clock)
    assert watch.has_slept() is slept
    assert not watch.has_slept()


def test_another_user_is_refused_before_a_word_is_said(start) -> None:
    running = start(who=lambda _: os.geteuid() + 1)
    with running.connected() as connection:
        assert connection.recv(100) == b""


def test_a_peer_the_kernel_says_nothing_of_is_refused(start) -> None:
    def nobody(_: socket.socket) -> int:
        raise ConnectionError("gone")

    running = start(who=nobody)
    with running.connected() as connection:
        assert connection.recv(100) == b""


def test_silent_and_dribbling_connections_are_let_go_and_the_next_client_is_served(start, key_file) -> None:
    running = start(patience=Patience(frame_s=0.3, silence_s=0.3, idle_s=60))
    with contextlib.ExitStack() as held:
        lorises = [held.enter_context(running.connected()) for _ in range(vault_agent.CONNECTIONS_LIMIT)]
        for number, loris in enumerate(lorises):
            assert loris.recv(4, socket.MSG_WAITALL) == framing.GREETING
            loris.sendall(b"PVA1\0\0"[: number % 6])
        with running.connected() as one_too_many:
            assert one_too_many.recv(4) == b""
        assert running.client.status().state == "locked"
        assert all(loris.recv(1) == b"" for loris in lorises)


def test_a_client_that_does_not_take_its_answer_is_let_go(start, key_file) -> None:
    running = start(patience=Patience(frame_s=0.3, silence_s=0.3, idle_s=60))
    unlock(running, key_file)
    with Secret(4_000_000) as long:
        running.client.put(Draft(name="long", hidden=("v",)), [Field("v", long)])
    import msgspec

    with running.connected() as lazy:
        assert lazy.recv(4, socket.MSG_WAITALL) == framing.GREETING
        framing.send(lazy, msgspec.msgpack.encode(protocol.Get(name="long")))
        eventually(lambda: not running.agent._connections)


def test_it_leaves_when_it_is_locked_and_idle_and_stays_while_it_is_needed(start, key_file) -> None:
    running = start(patience=Patience(idle_s=30))
    unlock(running, key_file, leases=["ibm-quantum"])
    running.client.lock()
    running.clock.run(31)
    running.tick()
    assert running.client.status().state == "locked"
    running.client.lock(end_leases=True)
    eventually(lambda: not running.agent._connections)
    running.clock.run(31)
    running.tick()
    running.thread.join(10)
    assert not running.thread.is_alive()
    assert not (running.data / framing.SOCKET_NAME).exists()


def test_a_client_that_goes_while_it_is_served_does_no_harm(start, key_file) -> None:
    import msgspec

    running = start()
    unlock(running, key_file)
    for _ in range(20):
        with running.connected() as hasty:
            hasty.recv(4, socket.MSG_WAITALL)
            framing.send(hasty, msgspec.msgpack.encode(protocol.List()))
    assert [entry.name for entry in running.client.entries()] == ["ibm-quantum"]


def test_an_agent_whose_timekeeper_fails_does_not_stay(start, key_file, monkeypatch) -> None:
    reported = []
    monkeypatch.setattr(threading, "excepthook", lambda args: reported.append(args.exc_type))
    running = start()
    unlock(running, key_file)
    monkeypatch.setattr(running.keeper, "keep_time", lambda: 1 / 0)
    running.tick()
    running.thread.join(10)
    assert not running.thread.is_alive()
    assert reported == [ZeroDivisionError]


def test_only_one_agent_serves_a_folder(data: Path) -> None:
    with instance_lock(data), pytest.raises(RefusedError, match="runs already"), instance_lock(data):
        raise AssertionError


def test_the_socket_is_private_from_its_first_instant_whatever_the_umask(start, data: Path) -> None:
    before = os.umask(0)
    try:
        start()
        assert stat.S_IMODE((data / framing.SOCKET_NAME).stat().st_mode) == 0o600
    finally:
        os.umask(before)


def test_a_vault_that_was_tampered_with_is_said_so_and_not_unlocked(start, data: Path, key_file) -> None:
    content = bytearray((data / "vault.db").read_bytes())
    at = content.rindex(b"PVSL") + 60
    content[at] ^= 1
    (data / "vault.db").write_bytes(content)
    running = start()
    status = running.client.status()
    assert status.state == "locked"
    assert status.integrity.startswith("broken")
    with pytest.raises(VaultError):
        unlock(running, key_file)


def test_leases_own_copies_that_are_wiped_when_they_end() -> None:
    leases, value = Leases(), Secret.copy_of(b"leased")
    view = EntryView(id="", name="n", kind="token", version=1, created_ms=0, changed_ms=0, fields=("v",))
    leases.grant(view, [Field("v", value)], now_ms=7)
    copied = leases.copy("n")
    assert copied is not None
    assert copied[1][0].reveal() == b"leased"
    assert [(lease.name, lease.since_ms) for lease in leases.views()] == [("n", 7)]
    leases.grant(view, [Field("v", Secret.copy_of(b"renewed"))], now_ms=8)
    with pytest.raises(ValueError, match="released"):
        bytes(value.view)
    leases.end(["n", "unknown"])
    assert leases.copy("n") is None
    assert copied[1][0].reveal() == b"leased"


@pytest.mark.parametrize(
    "error",
    [
        VaultLockedError("locked", hint="unlock it"),
        NotFoundError("nothing", where="here"),
        TamperedError("changed"),
        RefusedError("no"),
    ],
)
def test_an_error_of_the_agent_is_the_same_error_of_the_client(error) -> None:
    again = Failure.of(error).error()
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert again.exit_code == error.exit_code


def test_a_passphrase_is_the_same_however_it_was_composed() -> None:
    composed, combined = "Zo\u00eb", "Zoe\u0308"
    for typed in (combined, combined.encode(), composed.encode()):
        with passphrase_secret(typed) as secret:
            assert secret.reveal() == composed.encode()


def eventually(condition: Callable[[], bool], within_s: float = 10.0) -> None:
    deadline_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline_s, "it did not come about in time"
        time.sleep(0.01)


def vault_draft(name: str, value: Secret):
    from pandora_core.vault.format import entry, views

    return views.Draft(name, fields=(entry.Field("token", value),), hidden=("token",))
