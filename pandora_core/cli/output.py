"""Owns how commands speak: JSON or aligned text to standard output, errors without tracebacks to standard error."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

from pandora_core.errors import PandoraError

Command = TypeVar("Command", bound=Callable[..., Any])

json_option: Callable[[Command], Command] = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def emit(data: Any, as_json: bool, text: Callable[[], str]) -> None:
    """Print ``data`` as JSON, or what ``text`` makes of it for people."""
    put(json.dumps(data, ensure_ascii=False, indent=2) if as_json else text())


def put(text: str) -> None:
    """Data to standard output; where its reader has left, the command ends as others do then (141).

    Raises:
        PandoraError: it cannot be written there.
    """
    try:
        click.echo(text)
    except OSError as error:
        # What stayed in its buffer would be tried, and complained about, once more on leaving.
        os.dup2(os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC), sys.stdout.fileno())
        if isinstance(error, BrokenPipeError):
            sys.exit(128 + signal.SIGPIPE)
        why = f"not all of it could be written: {error.strerror}"
        raise PandoraError(why, where="standard output", hint="make room or write elsewhere") from None


def say(message: str) -> None:
    """A message to the person, beside the data."""
    click.echo(message, err=True)


def counted(number: int, one: str, many: str = "") -> str:
    """A number with its noun: ``1 slot``, ``2 slots``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def table(headings: Sequence[str], rows: Sequence[Sequence[object]], empty: str = "nothing yet") -> str:
    """Rows in aligned columns; the last column is as wide as it likes."""
    if not rows:
        return empty
    cells = [[plain(str(value)) for value in row] for row in rows]
    widths = [max(len(row[i]) for row in [list(headings), *cells]) for i in range(len(headings))]
    lines = [headings, *cells]
    return "\n".join(
        "  ".join(f"{value:<{w}}" for value, w in zip(line, widths, strict=True)).rstrip() for line in lines
    )


def plain(text: str, limit: int = 200) -> str:
    """Log text fit for a terminal: one line, no control characters, not too long."""
    shown = "".join(character if character.isprintable() else "\ufffd" for character in text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"
