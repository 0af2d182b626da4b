"""Owns how commands take a moment of time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from pandora_core.errors import ConfigError
from pandora_core.model import from_iso

Command = TypeVar("Command", bound=Callable[..., Any])

at_option: Callable[[Command], Command] = click.option(
    "--at", metavar="TIME", help="The graph as it was then (ISO 8601, UTC unless it says otherwise)."
)


def moment_us(text: str | None, name: str) -> int | None:
    """Microseconds of an ISO 8601 time, UTC unless it says otherwise; ``name`` is the option's.

    Raises:
        ConfigError: it is no time.
    """
    if text is None:
        return None
    try:
        return from_iso(text)
    except ValueError:
        raise ConfigError(f"{text!r} is no time", where=name, hint="for example 2026-03-27T13:06:56") from None
