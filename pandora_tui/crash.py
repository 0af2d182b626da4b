"""Owns what is said when the console dies of a bug: one line on screen, the story in a private log, no secrets."""

from __future__ import annotations

import os
import platform
import stat
import traceback
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType

from pandora_tui.style import safe_text

LOG_NAME = "console-crash.log"
_LOG_MOST_BYTES = 1_000_000


def crash_notice(error: BaseException, data_dir: Path, pandora_version: str) -> str:
    """Write ``error`` to the crash log in ``data_dir`` and return the lines to leave on the terminal.

    Neither holds local variables: a passphrase being typed or a decrypted entry could be among them.
    """
    cause = unwrap(error)
    lines = [f"pandora: the console stopped on an error: {_headline(cause)}"]
    place = _place(cause.__traceback__)
    if place:
        lines.append(f"  at {place}")
    try:
        path = _write_log(error, data_dir, pandora_version)
    except OSError as refused:
        lines.append(f"  the log in {data_dir} could not be written: {refused.strerror}")
    else:
        lines.append(f"  details, without any values, are in {path}")
    lines.append("  the engine and the data are not affected; start `pandora` again to go on")
    return "\n".join(lines)


def unwrap(error: BaseException) -> BaseException:
    """The error inside, where Textual has wrapped what a timer or a worker raised."""
    while type(error).__module__.startswith("textual.") and (inner := error.__cause__ or error.__context__):
        error = inner
    return error


def _headline(error: BaseException) -> str:
    message = str(error).strip()
    return safe_text(f"{type(error).__name__}: {message}" if message else type(error).__name__, 300)


def _place(trace: TracebackType | None) -> str:
    """File and line of the innermost frame in our own code, else of the innermost."""
    frames = traceback.extract_tb(trace)
    ours = [frame for frame in frames if f"{os.sep}pandora_" in frame.filename]
    return next((f"{frame.filename}:{frame.lineno}" for frame in reversed(ours or frames)), "")


def _write_log(error: BaseException, data_dir: Path, pandora_version: str) -> Path:
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = data_dir / LOG_NAME
    # Never through a link, and never into a file that others may read.
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with open(descriptor, "a", encoding="utf-8", errors="backslashreplace") as log:
        os.fchmod(descriptor, stat.S_IRUSR | stat.S_IWUSR)
        if os.fstat(descriptor).st_size > _LOG_MOST_BYTES:
            os.ftruncate(descriptor, 0)
        log.write(_report(error, pandora_version))
    return path


def _report(error: BaseException, pandora_version: str) -> str:
    story = traceback.TracebackException.from_exception(error, capture_locals=False)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    head = f"{at} pandora {pandora_version}, textual {_version('textual')}, python {platform.python_version()}"
    lines = [safe_text(line, 2_000) for line in "".join(story.format()).splitlines()]
    return "\n".join([f"--- {head}", *lines, "", ""])


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
