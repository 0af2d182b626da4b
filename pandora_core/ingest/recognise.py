"""Owns the choice of a log format for a file: every registered format is asked, the surest one gets it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from pandora_core import plugins
from pandora_core.ingest.format import LogFormat

SURE_ENOUGH = 0.5
"""A format that is less sure than this does not get the file."""


def recognise(head: bytes, filename: str, formats: Mapping[str, LogFormat]) -> LogFormat | None:
    """The format of a file that starts with ``head`` (up to 64 KiB, decompressed), or ``None`` if it is none's.

    Of equally sure formats the first by name is taken, so that the answer does not depend on who registered first.
    """
    surest, chosen = 0.0, None
    for name in sorted(formats):
        sureness = formats[name].sniff(head, filename)
        if sureness >= SURE_ENOUGH and sureness > surest:
            surest, chosen = sureness, formats[name]
    return chosen


@cache
def formats() -> dict[str, LogFormat]:
    """One instance of every format registered in ``pandora.formats``, by name.

    Raises:
        PluginError: one of them could not be loaded.
    """
    return {name: make() for name, make in plugins.load_all("formats").items()}
