"""Owns the file a version travels in: a zip of its card, its artefact and its signature, across air gaps too."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path
from typing import NamedTuple

import msgspec

from pandora_core.errors import RefusedError
from pandora_core.learn.card import Card

ARTEFACT, CARD, SIGNATURE = "model.skops", "card.json", "signature.json"
LARGEST_BYTES = 2 << 30
_LARGEST_TEXT_BYTES = 16 << 20


class Parcel(NamedTuple):
    """What came; the bytes of the card are what is signed."""

    card: bytes
    artefact: bytes
    signature: bytes | None


def pack(folder: Path, path: Path) -> None:
    """Write a version's folder as a new zip file.

    Raises:
        RefusedError: the file is there already.
    """
    try:
        with zipfile.ZipFile(path, "x") as file:
            for name in (CARD, ARTEFACT, SIGNATURE):
                if (folder / name).exists():
                    file.write(folder / name, name)
    except FileExistsError:
        raise RefusedError("the file is there already", where=str(path), hint="choose another name") from None


def unpack(path: Path) -> Parcel:
    """Read a parcel into memory; nothing of it is run or believed beyond that it fits together.

    Raises:
        RefusedError: it is no parcel, too large, or its artefact is not the one that its card tells of.
    """
    try:
        with zipfile.ZipFile(path) as file:
            names = set(file.namelist())
            card = _member(file, CARD, _LARGEST_TEXT_BYTES)
            artefact = _member(file, ARTEFACT, LARGEST_BYTES)
            signature = _member(file, SIGNATURE, _LARGEST_TEXT_BYTES) if SIGNATURE in names else None
        told = msgspec.json.decode(card, type=Card)
    except (OSError, KeyError, zipfile.BadZipFile, msgspec.DecodeError) as error:
        raise RefusedError(f"is no exported model: {error}", where=str(path), hint="pandora models export") from error
    if hashlib.sha384(artefact).hexdigest() != told.artefact_sha384 or len(artefact) != told.artefact_bytes:
        raise RefusedError("its artefact is not the one its card tells of", where=str(path), hint="export it again")
    return Parcel(card, artefact, signature)


def _member(file: zipfile.ZipFile, name: str, most: int) -> bytes:
    """One file of the zip; what it says of its size is not trusted."""
    with file.open(name) as member:
        content = member.read(most + 1)
    if len(content) > most:
        raise RefusedError(f"{name} is larger than {most:,} bytes", where=file.filename or "", hint="do not use it")
    return content
