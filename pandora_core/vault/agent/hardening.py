"""Owns what keeps the vault agent's memory to itself: no core dumps, no tracing, no words of an error in its log."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
import threading
import traceback
from types import TracebackType
from typing import NamedTuple

_PR_GET_DUMPABLE, _PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 3, 4, 38
_PT_DENY_ATTACH = 31
_SCRUBBED_BYTES = 2048
"""A passphrase has at most 1,024 bytes, and is passed on with a salt and numbers."""
_SCRUBBED_BLOCKS = 12
"""glibc keeps up to seven free blocks of a size for each thread."""
_PLATFORM: str = sys.platform


class Hardening(NamedTuple):
    """What the operating system granted."""

    no_core_dumps: bool
    no_tracing: bool


def harden() -> Hardening:
    """Switch core dumps and tracing by the same user off, and make new files 0600; for the agent's process.

    On Linux ``/proc/PID/mem`` then belongs to root, and ``ptrace`` needs CAP_SYS_PTRACE. Root is never kept out.
    """
    os.umask(0o077)
    keep_quiet("vault agent")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return Hardening(resource.getrlimit(resource.RLIMIT_CORE) == (0, 0), _refuse_tracing())


def keep_quiet(who: str) -> None:
    """Let an error that nobody foresaw be reported by its kind and places alone: its message may quote a secret."""

    def report(kind: type[BaseException], trace: TracebackType | None) -> None:
        sys.stderr.write(f"{who}: an error inside: {kind.__name__} at {_places(trace)}; please report it\n")
        sys.stderr.flush()

    sys.excepthook = lambda kind, _, trace: report(kind, trace)
    threading.excepthook = lambda thread: report(thread.exc_type, thread.exc_traceback)
    sys.unraisablehook = lambda found: report(found.exc_type, found.exc_traceback)


def scrub_freed_memory() -> None:
    """Overwrite small blocks that C libraries freed on this thread without clearing them.

    OpenSSL passes a passphrase to Argon2id in such a block. The allocator hands the blocks that were freed last out
    first, so a few of each size are taken, zeroed and given back; some milliseconds.
    """
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    for size_bytes in range(24, _SCRUBBED_BYTES, 16):
        blocks = [libc.malloc(ctypes.c_size_t(size_bytes)) for _ in range(_SCRUBBED_BLOCKS)]
        for block in filter(None, blocks):
            ctypes.memset(block, 0, size_bytes)
            libc.free(ctypes.c_void_p(block))


def _refuse_tracing() -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    if _PLATFORM == "linux":
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        return bool(libc.prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0) == 0)
    if _PLATFORM == "darwin":
        return bool(libc.ptrace(_PT_DENY_ATTACH, 0, None, 0) == 0)
    return False


def _places(trace: TracebackType | None) -> str:
    """Every frame as ``file:line``, innermost last."""
    found = [(os.path.basename(frame.f_code.co_filename), line) for frame, line in traceback.walk_tb(trace)]
    return " > ".join(f"{name}:{line}" for name, line in found) or "an unknown place"
