"""Owns the last reports on each version, kept beside the registry so that a screen can plot them at once. Plain JSON.

They can be made again at any time: what is lost with them is the wait.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any, Literal

import msgspec

FOLDER = "reports"
Kind = Literal["evaluate", "importance", "learning-curve"]
KINDS: tuple[Kind, ...] = ("evaluate", "importance", "learning-curve")


def keep(registry_folder: Path, number: int, kind: Kind, shape: dict[str, Any]) -> None:
    """Keep the newest report of a kind; one that is cut off by a crash leaves the one before it."""
    folder = registry_folder / FOLDER
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=folder)
    with open(descriptor, "wb") as file:
        file.write(msgspec.json.encode(shape))
    os.rename(name, _path(registry_folder, number, kind))


def read(registry_folder: Path, number: int) -> dict[Kind, dict[str, Any]]:
    """The reports there are on a version, by kind; one that cannot be read counts as none."""
    found: dict[Kind, dict[str, Any]] = {}
    for kind in KINDS:
        path = _path(registry_folder, number, kind)
        if path.exists():
            try:
                found[kind] = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
            except msgspec.DecodeError:
                continue
    return found


def _path(folder: Path, number: int, kind: Kind) -> Path:
    return folder / FOLDER / f"{number:04d}-{kind}.json"
