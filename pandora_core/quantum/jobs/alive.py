"""Owns which process is which: an id together with the moment of its start, so that none is taken for another."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from functools import cache
from pathlib import Path

from pandora_core.store.job_rows import Identity

_PROC = Path("/proc")


def identity_of(pid: int) -> Identity | None:
    """Who has this process id now; ``None`` if nobody, or only the remains of somebody who has ended."""
    if not sys.platform.startswith("linux"):
        return _by_ps(pid)
    try:
        text = (_PROC / str(pid) / "stat").read_text("utf-8", "replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()  # a name may hold anything, even parentheses
    return None if fields[0] in "ZX" else Identity(pid, f"{_boot()}/{fields[19]}")


def is_alive(who: Identity) -> bool:
    """Whether this very process still runs."""
    return identity_of(who.pid) == who


def end(who: Identity, number: signal.Signals) -> None:
    """Send a signal to this process and no other; nothing happens if it has ended, or is not ours."""
    if not hasattr(os, "pidfd_open"):
        if is_alive(who):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(who.pid, number)
        return
    with contextlib.suppress(ProcessLookupError, PermissionError):
        descriptor = os.pidfd_open(who.pid)
        try:
            if is_alive(who):  # looked at while the descriptor holds the id
                signal.pidfd_send_signal(descriptor, number)
        finally:
            os.close(descriptor)


@cache
def _boot() -> str:
    return (_PROC / "sys/kernel/random/boot_id").read_text().strip()[:8]


def _by_ps(pid: int) -> Identity | None:
    shown = subprocess.run(  # noqa: S603 - a number is all that is put in
        ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return None if not shown or shown.startswith("Z") else Identity(pid, " ".join(shown.split()[1:]))
