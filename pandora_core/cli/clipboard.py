"""Owns copying a secret to the clipboard of the terminal (OSC 52), and clearing it after a time.

The sequence goes straight to the terminal, so that no program keeps the text. The clearing is done by a process of
its own that outlives the command and knows nothing of the secret.
"""

from __future__ import annotations

import binascii
import os
import subprocess
import sys
import time
from collections.abc import Mapping

from pandora_core.errors import ConfigError
from pandora_core.vault.crypto.secret import Secret

CLEAR_AFTER_S = 45
_LIMIT_BYTES = 74_994
"""What terminals take at most (base64 of it has 100,000 characters)."""
_BEGIN, _END = b"\x1b]52;c;", b"\x07"
_CLEAR = _BEGIN + _END + _BEGIN + b"!" + _END
"""Some terminals clear at an empty text, others at one that is not base64."""


def copy(secret: Secret, clear_after_s: int = CLEAR_AFTER_S) -> None:
    """Put a secret on the clipboard and start the process that clears it.

    Raises:
        ConfigError: there is no terminal, or the secret is too long for one.
    """
    if len(secret) > _LIMIT_BYTES:
        raise ConfigError("it is too long for a terminal's clipboard", hint="use --field and a pipe")
    terminal = _terminal()
    try:
        with Secret.absorb(binascii.b2a_base64(secret.view, newline=False)) as text:
            _write(terminal, _BEGIN)
            _write(terminal, text.view)
            _write(terminal, _END)
        _clear_later(terminal, clear_after_s)
    finally:
        os.close(terminal)


def warning(environment: Mapping[str, str]) -> str:
    """What a multiplexer keeps of a copied text; empty where there is none."""
    if environment.get("TMUX"):
        return (
            "inside tmux: it takes the text only with 'set -g set-clipboard on', and then keeps it in a buffer of "
            "its own that is not cleared (tmux delete-buffer)"
        )
    if environment.get("STY"):
        return "inside screen: it does not pass the clipboard on; copy outside of it"
    return ""


def _clear_later(terminal: int, after_s: int) -> None:
    subprocess.Popen(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-P", "-m", "pandora_core.cli.clipboard", str(after_s)],
        stdin=subprocess.DEVNULL,
        stdout=terminal,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    ).returncode = 0  # it outlives this process, which will not wait for it


def _terminal() -> int:
    try:
        return os.open("/dev/tty", os.O_WRONLY | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        raise ConfigError("there is no terminal to copy with", hint="use --field and a pipe") from None


def _write(terminal: int, octets: bytes | memoryview) -> None:
    rest = memoryview(octets)
    while rest:
        rest = rest[os.write(terminal, rest) :]


def main(arguments: list[str]) -> None:
    """Wait, then clear the clipboard of the terminal that standard output is."""
    time.sleep(float(arguments[0]))
    _write(1, _CLEAR)


if __name__ == "__main__":
    main(sys.argv[1:])
