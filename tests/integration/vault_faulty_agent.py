"""A vault agent in which calls fail at random, with errors whose text quotes secrets; for ``test_vault_agent_leaks``.

``python vault_faulty_agent.py DIR SEED FAULTS COUNTER CANARY…``: after SIGUSR1, FAULTS errors are raised, at most one
in a thread; their number is kept in the file COUNTER.
"""

from __future__ import annotations

import inspect
import random
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from pandora_core.vault.agent import process as agent

_OURS = str(Path(agent.__file__).parent)
_KINDS = (ValueError, KeyError, TypeError, OSError, MemoryError, RuntimeError, UnicodeError, AssertionError)


class Faults:
    """Raises an error at some call within the vault's code, in threads that start after :meth:`arm`."""

    def __init__(self, seed: int, count: int, counter: Path, canaries: list[str]) -> None:
        self._rng = random.Random(seed)
        self._left = count
        self._raised = 0
        self._counter = counter
        self._canaries = canaries
        self._threads = threading.local()

    def arm(self) -> None:
        threading.setprofile(self._on_call)
        self._counter.write_text("0")

    def _on_call(self, frame: FrameType, event: str, _: object) -> None:
        code = frame.f_code
        if event != "call" or not code.co_filename.startswith(_OURS):
            return
        if code.co_flags & inspect.CO_GENERATOR or code.co_name == "_attend":
            return  # a generator that goes on, or a thread that begins, is no call that can fail
        if not hasattr(self._threads, "left"):
            self._threads.left = self._rng.randrange(1, 200)
        self._threads.left -= 1
        if self._threads.left == 0 and self._left:
            self._left -= 1
            self._raised += 1
            self._counter.write_text(str(self._raised))
            raise self._rng.choice(_KINDS)(f"cannot use {self._rng.choice(self._canaries)} {frame.f_locals!r}")


if __name__ == "__main__":
    folder, seed, count, counter, *canaries = sys.argv[1:]
    faults = Faults(int(seed), int(count), Path(counter), canaries)
    signal.signal(signal.SIGUSR1, lambda *_: faults.arm())
    sys.exit(agent.main([folder]))
