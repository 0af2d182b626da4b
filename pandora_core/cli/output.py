"""Owns how commands speak: JSON or aligned text to standard output, errors without tracebacks to standard error."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

json_option: Callable[[Command], Command] = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def emit(data: Any, as_json: bool, text: Callable[[], str]) -> None:
    """Print ``data`` as JSON, or what ``text`` makes of it for people."""
    click.echo(json.dumps(data, ensure_ascii=False, indent=2) if as_json else text())


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
