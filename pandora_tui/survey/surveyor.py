"""Owns the console's end of the process that makes the graph: it is started when first asked, and again if it died.

What is asked here waits for its answer, so only errands ask; the screen's thread shares no lock with the graph.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import threading
from concurrent.futures import Future
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from pandora_core.background import last_line, start_on_line
from pandora_core.errors import PandoraError
from pandora_tui.survey.frames import frames, send
from pandora_tui.survey.sights import (
    About,
    Again,
    Answer,
    Asked,
    Look,
    Picture,
    Question,
    ShownPlans,
    ShownRoute,
    ShownTies,
    Survey,
    Walked,
)

if TYPE_CHECKING:
    from pandora_core.quantum.jobs.work import WalkWork

T = TypeVar("T")

LOG = "graph.log"

SWITCH_S = 0.0005
"""After so long a thread that computes lets another one on. With Python's 5 ms a key that is answered in twenty short
turns waits a tenth of a second for a thread of the console that imports or decodes something."""

_LEAVE_S = 2.0
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""BLAS would share small products among threads that wait for each other."""


class Surveyor:
    """Asks the process of one data folder."""

    def __init__(self, data: Path, module: str = "pandora_tui.survey.child") -> None:
        self._data, self._module = data, module
        self._lock = threading.Lock()
        self._child: _Child | None = None
        self._is_closed = False
        sys.setswitchinterval(SWITCH_S)

    def survey(self, at_us: int | None, known: int, look: Look) -> Picture | None:
        """The graph as it was at a time, or is now; ``None`` where that is what picture ``known`` shows already."""
        return self._ask(Survey(at_us, known, look), Picture | None)  # type: ignore[arg-type]

    def again(self, at_us: int | None, look: Look) -> Picture:
        """The graph of a time once more, looked at otherwise."""
        return self._ask(Again(at_us, look), Picture)

    def walk(self, host: str, at_us: int | None) -> Walked:
        """The walks from a host, step by step."""
        return self._ask(About("walk", host, at_us), Walked)

    def blast(self, host: str, at_us: int | None) -> dict[str, tuple[float, ...]]:
        """The chance that each host is lost within some days if this one falls."""
        return self._ask(About("blast", host, at_us), dict[str, tuple[float, ...]])

    def paths(self, host: str, at_us: int | None) -> tuple[ShownRoute, ...]:
        """The likeliest routes from a host to what must not fall."""
        return self._ask(About("paths", host, at_us), tuple[ShownRoute, ...])

    def plans(self, host: str, at_us: int | None) -> ShownPlans:
        """What to cut if a host has fallen, by every solver."""
        return self._ask(About("plans", host, at_us), ShownPlans)

    def ties(self, name: str, at_us: int | None) -> ShownTies:
        """What joins a host, an account or a service to others."""
        return self._ask(About("ties", name, at_us), ShownTies)

    def circuit(self, host: str, at_us: int | None) -> WalkWork:
        """The walk among the sixteen hosts around one, as the work of a quantum job."""
        from pandora_core.quantum.jobs.work import WalkWork

        return self._ask(About("circuit", host, at_us), WalkWork)

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return self._child.pid if self._child is not None and self._child.is_alive else None

    def close(self) -> None:
        """End the process, whatever it does; nothing is answered any more."""
        with self._lock:
            self._is_closed, child, self._child = True, self._child, None
        if child is not None:
            child.close()

    def _ask(self, question: Question, kind: type[T]) -> T:
        with self._lock:
            if self._is_closed:
                raise PandoraError("the console is closing")
            if self._child is None or not self._child.is_alive:
                self._child = _Child(self._data, self._module)
            asked = self._child.ask(question)
        answer = asked.result()
        if answer.problem:
            raise PandoraError(answer.problem)
        return msgspec.msgpack.decode(answer.body, type=kind)


class _Child:
    """One process, from its start to its end; every question gets an answer, if only that it is gone."""

    def __init__(self, data: Path, module: str) -> None:
        self._log = data / LOG
        self._process, self._line = start_on_line(module, self._log, _ONE_THREAD)
        with contextlib.suppress(OSError):  # it died at once: whoever asks is told
            send(self._line, str(data))
        self._lock = threading.Lock()
        self._waiting: dict[int, Future[Answer]] = {}
        self._number = 0
        self._is_gone = False
        threading.Thread(target=self._listen, name="pandora-survey", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return not self._is_gone

    def ask(self, question: Question) -> Future[Answer]:
        found: Future[Answer] = Future()
        with self._lock:
            self._number += 1
            number = self._number
            self._waiting[number] = found
        try:
            send(self._line, Asked(number, question))
        except OSError:
            self._end()
        return found

    def close(self) -> None:
        """The end of its line is what ends it."""
        with contextlib.suppress(OSError):  # it may be gone already
            self._line.shutdown(socket.SHUT_RDWR)
        try:
            self._process.wait(_LEAVE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _listen(self) -> None:
        with contextlib.suppress(ConnectionError, msgspec.MsgspecError):  # as good as its end
            for frame in frames(self._line):
                answer = msgspec.msgpack.decode(frame, type=Answer)
                with self._lock:
                    found = self._waiting.pop(answer.number, None)
                if found is not None:
                    found.set_result(answer)
        self._end()
        self._line.close()

    def _end(self) -> None:
        with self._lock:
            self._is_gone, waiting = True, list(self._waiting.values())
            self._waiting.clear()
        with contextlib.suppress(subprocess.TimeoutExpired):  # close() ends it if it hangs
            self._process.wait(_LEAVE_S)
        for found in waiting:
            found.set_exception(PandoraError(f"the process that makes the graph ended: {self._last_words()}"))

    def _last_words(self) -> str:
        """Who was ended from outside says nothing; what stands in its log then is of an earlier one."""
        code = self._process.returncode
        if code is not None and code < 0:
            return f"signal {-code}"
        try:
            return last_line(self._log)
        except OSError:
            return "it left no log"
