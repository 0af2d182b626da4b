"""Owns the terminal: whether it will do, how it is driven, and that every way out leaves it as it was found."""

from __future__ import annotations

import contextlib
import io
import os
import selectors
import signal
import sys
import termios
from codecs import getincrementaldecoder
from collections.abc import Mapping
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from textual._xterm_parser import XTermParser
from textual.drivers.linux_driver import LinuxDriver

from pandora_core.errors import ConfigError

if TYPE_CHECKING:
    from textual.app import App

RESTORE = (
    "\x18"  # CAN: whatever sequence was cut short ends here
    "\x1b[?2026l"  # synchronised output off, or nothing of this would be shown
    "\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l"  # mouse off, in every encoding
    "\x1b[?2004l\x1b[?1004l\x1b[?2048l"  # bracketed paste, focus and size reports off
    "\x1b[<u"  # the keyboard protocol as it was
    "\x1b[?7h\x1b[0m"  # lines wrap, plain text
    "\x1b[?1049l\x1b[?25h"  # the normal screen, with its cursor
)
"""What leaves the terminal usable from any state that the console can put it into (xterm's control sequences)."""

GRACE_S = 2.0
"""How long a signal lets the console leave in good order before it is left at once."""

_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


class Stoppable(Protocol):
    """What a signal needs of the app."""

    def stop_from_signal(self, exit_code: int) -> bool:
        """Ask the running app to leave, from within a signal handler; false where it does not run."""


def check_terminal(environ: Mapping[str, str], *, is_tty: bool) -> None:
    """Refuse a terminal that cannot show the console.

    Raises:
        ConfigError: there is no terminal, or it says that it can do nothing but print.
    """
    instead = "use `pandora watch --headless`, or a command with --json such as `pandora alerts list --json`"
    if not is_tty:
        raise ConfigError("the console needs a terminal for its input and output", hint=instead)
    if environ.get("TERM", "") in ("", "dumb", "unknown"):
        raise ConfigError(
            "this terminal cannot place text on its screen",
            where=f"TERM={environ.get('TERM', '')}",
            hint=f"set TERM (xterm-256color suits most), or {instead}",
        )


def is_tty() -> bool:
    """Whether a person can type to this process and read what it draws."""
    streams = (sys.__stdin__, sys.__stderr__)
    return all(stream is not None and not stream.closed and stream.isatty() for stream in streams)


def is_link_slow(app: App[Any]) -> bool:
    """Whether frames are still waiting to be taken by the terminal: drawing more would only add to the delay."""
    driver = app._driver
    return isinstance(driver, TerminalDriver) and driver.is_behind


class TerminalDriver(LinuxDriver):
    """Textual's driver, made to survive the loss of the terminal and noise on the line."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.starts = 0
        self._file: Any = _TerminalFile(sys.__stderr__, self._lost)

    @property
    def is_behind(self) -> bool:
        writer = self._writer_thread
        return writer is not None and writer._queue.qsize() > 1

    def start_application_mode(self) -> None:
        self.starts += 1
        super().start_application_mode()  # type: ignore[no-untyped-call]

    def run_input_thread(self) -> None:
        """Read keys until told to stop; a terminal that is gone makes the app leave as SIGHUP does."""
        parser = XTermParser(self._debug)
        # Bytes that are no UTF-8 are noise on a line or a key of a foreign terminal; neither may end the console.
        decode = getincrementaldecoder("utf-8")("replace").decode
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                data = _read(self.fileno) if selector.select(0.1) else None
                if data == b"":
                    self._lost()
                    return
                for message in parser.feed(decode(data)) if data else ():
                    self.process_message(message)
                for message in parser.tick():
                    self.process_message(message)

    def _lost(self) -> None:
        stop = getattr(self._app, "stop_from_signal", None)
        if stop is not None:
            stop(128 + signal.SIGHUP)


class SignalGuard:
    """While entered, SIGTERM, SIGHUP and SIGINT end ``app`` in good order with exit code 128 + n.

    Where that takes longer than GRACE_S, or at a second signal, the terminal is restored and the process left at
    once: the terminal may be gone, or a link stalled with a full buffer, and nobody is there to wait.
    """

    def __init__(self, app: Stoppable) -> None:
        self._app = app
        self._number = 0
        self._before: dict[int, Any] = {}
        self._modes = _terminal_modes()

    @property
    def exit_code(self) -> int:
        """128 + the signal that came, 0 where none did."""
        return 128 + self._number if self._number else 0

    def __enter__(self) -> SignalGuard:
        for number in _SIGNALS:
            self._before[number] = signal.signal(number, self._on_signal)
        self._before[signal.SIGALRM] = signal.signal(signal.SIGALRM, self._on_alarm)
        return self

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._number:
            self._leave_now()
        self._number = number
        signal.setitimer(signal.ITIMER_REAL, GRACE_S)
        if not self._app.stop_from_signal(self.exit_code):
            raise SystemExit(self.exit_code)

    def _on_alarm(self, _number: int, _frame: FrameType | None) -> None:
        self._leave_now()

    def _leave_now(self) -> NoReturn:
        restore_terminal(self._modes)
        os._exit(self.exit_code)


def restore_terminal(modes: list[Any] | None) -> None:
    """Put the terminal back by force: without waiting for it, and whether or not it is still there."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)  # from the background, setting modes would stop us instead
    descriptor = 2
    # Nothing can be said anywhere about a failure here: the terminal is what failed.
    with contextlib.suppress(OSError, termios.error):
        os.set_blocking(descriptor, False)
        try:
            termios.tcflush(descriptor, termios.TCOFLUSH)  # frames that nobody reads must not hold this back
            os.write(descriptor, RESTORE.encode("ascii"))
        finally:
            os.set_blocking(descriptor, True)  # the shell shares this terminal
    if modes is not None:
        with contextlib.suppress(OSError, termios.error):
            termios.tcsetattr(descriptor, termios.TCSANOW, modes)


class _TerminalFile(io.TextIOBase):
    """Writes frames straight to the terminal; once it is gone they vanish, and ``lost`` was told once."""

    def __init__(self, stream: Any, lost: Any) -> None:
        self._descriptor: int = stream.fileno()
        self._encoding: str = stream.encoding or "utf-8"
        self._tell_lost = lost
        self._is_lost = False

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return not self._is_lost

    def write(self, text: str) -> int:
        data = memoryview(text.encode(self._encoding, "backslashreplace"))
        while data and not self._is_lost:
            try:
                data = data[os.write(self._descriptor, data) :]
            except BlockingIOError:
                _wait_writable(self._descriptor)
            except OSError:
                self._is_lost = True
                self._tell_lost()
        return len(text)


def _read(descriptor: int) -> bytes | None:
    """What was typed; ``None`` where that was nothing after all, nothing where the terminal is gone."""
    try:
        return os.read(descriptor, 4096)
    except BlockingIOError:
        return None
    except OSError:
        return b""


def _wait_writable(descriptor: int) -> None:
    with selectors.SelectSelector() as selector:
        selector.register(descriptor, selectors.EVENT_WRITE)
        selector.select(0.1)


def _terminal_modes() -> list[Any] | None:
    try:
        return termios.tcgetattr(2)
    except (OSError, termios.error):
        return None
