"""Owns the worker processes: a warm one that has Qiskit loaded and forks, and for every job one child that runs it.

Aer holds the GIL for a whole run and cannot be cancelled, so that a job has a process of its own and cancelling is a
signal. What a child needs and leaves lies in the job's folder:

* ``payload`` – what to do; it is there before the child is, and gone when the job is settled;
* ``lock`` – held by the child while it lives, with its process id inside: two children never run the same job;
* ``result`` – the outcome, complete or not there at all; a child that finds one does nothing;
* ``log`` – standard output and error.

So whoever dies – child, warm worker, queue or machine – what happened can be read from the folder. Children outlive
whoever started them, and the next to run the queue takes over.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pandora_core import background
from pandora_core.errors import PandoraError
from pandora_core.quantum.jobs.alive import identity_of
from pandora_core.quantum.jobs.work import Outcome, encode
from pandora_core.store.job_rows import Identity, JobState

PRELOADED = (
    "pandora_core.quantum.jobs.execution",
    "pandora_core.quantum.circuits.walk_circuit",
    "qiskit_aer",
    "scipy.optimize",
    "qiskit_ibm_runtime.fake_provider",
)
_ME = "pandora_core.quantum.jobs.worker"
_LINE = b"\n"


class JobFolder(NamedTuple):
    """The place of one job's attempt."""

    path: Path

    @property
    def payload(self) -> Path:
        return self.path / "payload"

    @property
    def lock(self) -> Path:
        return self.path / "lock"

    @property
    def result(self) -> Path:
        return self.path / "result"

    @property
    def log(self) -> Path:
        return self.path / "log"

    @property
    def progress(self) -> Path:
        return self.path / "progress"

    def holder(self) -> Identity | None:
        """Who runs the job now. One that has the lock and has not yet said who it is has no id (pid 0)."""
        pid = background.holder(self.lock)
        return None if pid is None else ((identity_of(pid) if pid else None) or Identity(0, ""))


class Ended(NamedTuple):
    """A child that ended while its warm worker lived."""

    name: str
    pid: int
    how: str
    """``signal 9``, ``status 1``; empty where all was well."""


class WarmWorker:
    """A process with Qiskit loaded that forks a child for every job. It leaves when this end of its line closes.

    ``slots`` is how many children run at once: each gets its share of the cores.
    """

    def __init__(self, log: Path, slots: int) -> None:
        self._pending = b""
        self.ended: list[Ended] = []
        self._process, self._line = background.start_on_line(_ME, log, _environment(slots))
        self._line.setblocking(False)
        self.started: dict[str, int] = {}

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    def start(self, name: str, folder: JobFolder) -> None:
        """Ask for a child; :attr:`started` has its process id by this name soon after.

        Raises:
            ConnectionError: the warm worker is gone.
        """
        request = json.dumps({"name": name, "folder": str(folder.path.absolute())}).encode()
        self._line.sendall(request + _LINE)

    def listen(self, wait_s: float) -> None:
        """Take in what it has to say, waiting at most so long for it to say anything."""
        if not select.select([self._line], [], [], wait_s)[0]:
            return
        with contextlib.suppress(BlockingIOError, ConnectionError):
            self._pending += self._line.recv(1 << 16)
        *lines, self._pending = self._pending.split(_LINE)
        for line in lines:
            said = json.loads(line)
            if said["what"] == "started":
                self.started[said["name"]] = int(said["pid"])
            else:
                self.ended.append(Ended(said["name"], int(said["pid"]), said["how"]))

    def close(self) -> None:
        """Let it go; its children go on."""
        self._line.close()
        try:
            self._process.wait(2.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def serve(line: socket.socket) -> None:
    """Be the warm worker: load, then fork a child for every request until the other end closes."""
    for name in PRELOADED:
        __import__(name)
    gc.freeze()  # what is loaded stays shared between the children
    wake, woken = socket.socketpair()
    for end in (wake, woken):
        end.setblocking(False)
    signal.set_wakeup_fd(woken.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    names: dict[int, str] = {}
    pending = b""
    while True:
        ready, _, _ = select.select([line, wake], [], [])
        if wake in ready:
            with contextlib.suppress(BlockingIOError):
                wake.recv(4096)
            _reap(line, names)
        if line in ready:
            received = line.recv(1 << 16)
            if not received:
                return
            *requests, pending = (pending + received).split(_LINE)
            for request in requests:
                _fork(line, json.loads(request), names, [line, wake, woken])


def run(folder: JobFolder) -> None:
    """Be the child: run the job of a folder, once, and leave its outcome there."""
    lock = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return  # somebody runs it
    # A folder that was settled meanwhile is unlinked with its lock: what is locked then is nobody's any more.
    if os.fstat(lock).st_nlink == 0 or folder.result.exists() or not folder.payload.exists():
        return
    os.ftruncate(lock, 0)
    os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
    _say("runs the job")
    _write(folder.result, encode(_outcome(folder)))
    _say("left the outcome")


def _say(what: str) -> None:
    print(f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} process {os.getpid()} {what}", flush=True)


def _outcome(folder: JobFolder) -> Outcome:
    """One of the four doors for broad exceptions: whatever goes wrong becomes the ERROR of the job, and is logged."""
    told = -1.0

    def progress(done: int, total: int) -> None:
        nonlocal told
        if total > 1 and time.monotonic() - told > 0.5:
            told = time.monotonic()
            folder.progress.write_text(f"{done} of {total} circuits")

    try:
        from pandora_core.quantum.jobs.execution import execute

        return execute(folder.payload.read_bytes(), progress)
    except PandoraError as error:
        return Outcome(JobState.ERROR, str(error))
    except Exception as error:  # noqa: BLE001
        traceback.print_exc()
        return Outcome(JobState.ERROR, f"{type(error).__name__}: {error}"[:500])


def _write(path: Path, data: bytes) -> None:
    """Whole, or not at all; on disk when this returns."""
    part = path.with_name(f"{path.name}.{os.getpid()}")
    with part.open("wb") as sink:
        sink.write(data)
        sink.flush()
        os.fsync(sink.fileno())
    part.rename(path)


def _fork(line: socket.socket, request: dict[str, Any], names: dict[int, str], open_ends: Sequence[Any]) -> None:
    pid = os.fork()
    if pid:
        names[pid] = request["name"]
        line.sendall(json.dumps({"what": "started", "name": request["name"], "pid": pid}).encode() + _LINE)
        return
    status = 1
    try:
        folder = JobFolder(Path(request["folder"]))
        _settle_in(folder, open_ends)
        run(folder)
        status = 0
    except OSError:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        os._exit(status)


def _settle_in(folder: JobFolder, open_ends: Sequence[Any]) -> None:
    """Signals end it at once, its words go to the log, and when memory runs out the kernel takes it first."""
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    for end in open_ends:
        end.close()
    log = os.open(folder.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    for descriptor in (1, 2):
        os.dup2(log, descriptor)
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")
    with contextlib.suppress(OSError):
        os.nice(5)


def _reap(line: socket.socket, names: dict[int, str]) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        code = os.waitstatus_to_exitcode(status)
        how = "" if not code else f"signal {-code}" if code < 0 else f"status {code}"
        said = {"what": "ended", "name": names.pop(pid, ""), "pid": pid, "how": how}
        line.sendall(json.dumps(said).encode() + _LINE)


def _environment(slots: int) -> dict[str, str]:
    """A share of the cores; and huge pages, without which it takes the kernel a tenth of a second to take a large
    state back from a child that was cancelled (glibc 2.35 and later; others take no notice).
    """
    threads = str(max(1, (os.cpu_count() or 1) // max(slots, 1)))
    tunables = [os.environ.get("GLIBC_TUNABLES", ""), "glibc.malloc.hugetlb=1"]
    return {
        **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"), threads),
        "GLIBC_TUNABLES": ":".join(filter(None, tunables)),
    }


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as _line:
        serve(_line)
