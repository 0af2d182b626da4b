"""Owns the vault agent as a process: its one instance, its socket, who may speak to it, and when it locks and leaves.

It alone opens ``vault.db``. Every connection is served by a thread of its own, so that an unlock (a second of
Argon2id) or a large file keeps nobody waiting.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol

from pandora_core import background
from pandora_core.errors import PandoraError, RefusedError, VaultError
from pandora_core.vault.agent import framing
from pandora_core.vault.agent.connection import LOCK_NAME
from pandora_core.vault.agent.desk import Desk
from pandora_core.vault.agent.hardening import harden
from pandora_core.vault.agent.keeper import Keeper
from pandora_core.vault.agent.protocol import REQUEST_LIMIT_BYTES

CONNECTIONS_LIMIT = 32
TICK_S = 1.0
_STOP, _HANG_UP = b"S", b"H"
_SLEPT_S = 2.0
_STEPPED_S = 60.0


class Patience(NamedTuple):
    """How long, in seconds, is waited for what."""

    frame_s: float = 10.0
    """For the rest of a message that began, and for a client to take its answer."""
    silence_s: float = 10.0
    """For a connection to say something."""
    idle_s: float = 30.0
    """For the next client, when the vault is locked and nothing is leased."""


class Clock(Protocol):
    """Three views of time, in seconds; where they part, the machine slept or was resumed from a snapshot."""

    def running_s(self) -> float:
        """Stands still while the machine sleeps."""

    def passed_s(self) -> float:
        """Goes on while the machine sleeps."""

    def wall_s(self) -> float:
        """What the calendar says."""


class SystemClock:
    """The clocks of the operating system."""

    def running_s(self) -> float:
        return time.clock_gettime(getattr(time, "CLOCK_UPTIME_RAW", time.CLOCK_MONOTONIC))

    def passed_s(self) -> float:
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))

    def wall_s(self) -> float:
        return time.time()


class SleepWatch:
    """Notices that the machine slept, or that a snapshot of it was resumed, since it was last asked."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._gaps = self._measure()

    def has_slept(self) -> bool:
        before, self._gaps = self._gaps, self._measure()
        slept_s, stepped_s = (after - earlier for earlier, after in zip(before, self._gaps, strict=True))
        return slept_s > _SLEPT_S or stepped_s > _STEPPED_S

    def _measure(self) -> tuple[float, float]:
        passed_s = self._clock.passed_s()
        return passed_s - self._clock.running_s(), self._clock.wall_s() - passed_s


class Agent:
    """The server: accepts, checks who it is, hands requests to the desk, and keeps the time."""

    def __init__(
        self,
        data: Path,
        desk: Desk,
        *,
        clock: Clock | None = None,
        who: Callable[[socket.socket], int] = framing.peer_uid,
        patience: Patience | None = None,
    ) -> None:
        self._data = data
        self._desk = desk
        self._clock = clock or SystemClock()
        self._who = who
        self._patience = patience or Patience()
        self._watch = SleepWatch(self._clock)
        self._connections: set[socket.socket] = set()
        self._told, self._tell = socket.socketpair()
        self._tell.setblocking(False)
        self._stop = threading.Event()
        self._hung_up = threading.Event()
        self._pulse = threading.Event()
        self._last_served_s = self._clock.passed_s()

    def stop(self) -> None:
        """Leave. Safe in a signal handler, as :meth:`hang_up` is."""
        self._say(_STOP)

    def hang_up(self) -> None:
        """Lock; leases stay."""
        self._say(_HANG_UP)

    def serve(self) -> None:
        """Serve until it is stopped, or idle and locked."""
        timekeeper = threading.Thread(target=self._keep_time)
        with self._told, self._tell, _listening(self._data) as listener, selectors.DefaultSelector() as selector:
            selector.register(listener, selectors.EVENT_READ)
            selector.register(self._told, selectors.EVENT_READ)
            timekeeper.start()
            try:
                while not self._stop.is_set() and not self._is_idle():
                    for key, _ in selector.select(TICK_S):
                        if key.fileobj is listener:
                            self._accept(listener)
                        else:
                            self._listen_to(self._told.recv(64))
            finally:
                self._stop.set()
                self._pulse.set()
                timekeeper.join()
        for connection in tuple(self._connections):
            framing.hang_up(connection)

    def _listen_to(self, said: bytes) -> None:
        if _STOP in said:
            self._stop.set()
        if _HANG_UP in said:
            self._hung_up.set()
            self._pulse.set()

    def _accept(self, listener: socket.socket) -> None:
        with contextlib.suppress(ConnectionError), contextlib.ExitStack() as undo:
            connection = undo.enter_context(listener.accept()[0])
            if len(self._connections) < CONNECTIONS_LIMIT and self._who(connection) == os.geteuid():
                undo.pop_all()
                self._connections.add(connection)
                threading.Thread(target=self._attend, args=(connection,), daemon=True).start()

    def _attend(self, connection: socket.socket) -> None:
        """Answer one request after another; a client that breaks the protocol, dribbles or leaves is let go."""
        try:
            with contextlib.suppress(OSError, VaultError):
                connection.sendall(framing.GREETING)
                while self._serve_one(connection):
                    continue
        finally:
            self._connections.discard(connection)
            framing.hang_up(connection)
            self._last_served_s = self._clock.passed_s()

    def _serve_one(self, connection: socket.socket) -> bool:
        silence_s, frame_s = self._patience.silence_s, self._patience.frame_s
        frame = framing.receive(connection, words_limit_bytes=REQUEST_LIMIT_BYTES, wait_s=silence_s, frame_s=frame_s)
        if frame is None:
            return False
        with frame:
            answer = self._desk.answer(frame)
        with answer:  # what came is wiped before anybody hears that it was of use
            connection.settimeout(frame_s)
            framing.send(connection, answer.words, answer.secrets)
        if self._desk.is_leaving:
            self.stop()
        return True

    def _say(self, word: bytes) -> None:
        """A byte through a socket wakes the server, and takes no lock that a signal could come upon."""
        with contextlib.suppress(OSError):  # it has left, or was told often enough
            self._tell.send(word)

    def _keep_time(self) -> None:
        """On a thread of its own: the vault may be busy for a while, and new clients are not to wait for that.

        Without somebody who locks it when that is due, the agent does not stay.
        """
        try:
            while not self._stop.is_set():
                self._do_what_is_due()
                self._pulse.wait(TICK_S)
                self._pulse.clear()
        finally:
            self.stop()

    def _do_what_is_due(self) -> None:
        """A vault that cannot write (a full disk) is locked in memory all the same."""
        keeper = self._desk.keeper
        try:
            if self._watch.has_slept():
                keeper.lock("suspend")
            if self._hung_up.is_set():
                self._hung_up.clear()
                keeper.lock("hang-up")
            keeper.keep_time()
        except PandoraError as error:
            sys.stderr.write(f"vault agent: {type(error).__name__} while keeping the time\n")

    def _is_idle(self) -> bool:
        quiet_s = self._clock.passed_s() - self._last_served_s
        return not self._connections and not self._desk.keeper.is_needed and quiet_s > self._patience.idle_s


@contextlib.contextmanager
def instance_lock(data: Path) -> Iterator[None]:
    """Be the only agent of a data folder; it falls with the process, however that ends.

    Raises:
        RefusedError: another process is the agent.
    """
    with background.holding(data / LOCK_NAME, patience_s=0.05) as pid:
        if pid is not None:
            raise RefusedError("a vault agent runs already", where=str(data))
        yield


@contextlib.contextmanager
def _listening(data: Path) -> Iterator[socket.socket]:
    """The socket, 0600 from its first instant; what a killed agent left of its own is taken away."""
    path = data / framing.SOCKET_NAME
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        previous = os.umask(0o177)
        try:
            with framing.Reachable(data) as short:
                listener.bind(short)
        finally:
            os.umask(previous)
        listener.listen(CONNECTIONS_LIMIT)
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)


def main(arguments: list[str]) -> int:
    """Be the vault agent of a data folder: ``python -m pandora_core.vault.agent.process DIR``."""
    data = Path(arguments[0]).absolute()
    hardening = harden()
    try:
        with instance_lock(data):
            clock = SystemClock()
            keeper = Keeper(data, hardening, clock.passed_s)
            agent = Agent(data, Desk(keeper), clock=clock)
            signal.signal(signal.SIGHUP, lambda *_: agent.hang_up())
            signal.signal(signal.SIGTERM, lambda *_: agent.stop())
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            try:
                agent.serve()
            finally:
                keeper.close()
    except PandoraError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
