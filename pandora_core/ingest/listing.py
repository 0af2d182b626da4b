"""Owns which files the operator's sources name at this moment: paths, globs and folders become a list of files."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

STDIN = "-"


@dataclass(frozen=True, slots=True)
class SourceSpec:
    """What an operator asked to be read: a file, a glob, a folder with all below it, or ``-`` (standard input).

    ``format`` is the name of the format that its files have, whatever they look like; None finds out.
    """

    path: str
    format: str | None = None


class Stat(NamedTuple):
    """What tells one file from another, and whether it changed."""

    device: int
    inode: int
    size_bytes: int
    modified_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stat:
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)

    @classmethod
    def at(cls, path: str) -> Stat:
        """What is at a path; :data:`NOWHERE` when nothing is."""
        try:
            return cls.of(os.stat(path))
        except OSError:
            return NOWHERE

    def is_same_file(self, other: Stat) -> bool:
        return self[:2] == other[:2] and self.inode >= 0


NOWHERE = Stat(-1, -1, 0, 0)
"""The stat that no file has."""


class Listed(NamedTuple):
    """A file that a source names. ``problem`` says why it cannot be looked at.

    ``origin`` is the log that it was rotated from, where it is only for that reason that it is looked at.
    """

    path: str
    spec: SourceSpec
    stat: Stat
    problem: str = ""
    origin: str = ""


def listed(specs: Sequence[SourceSpec]) -> dict[str, Listed]:
    """The regular files that the sources name, by path; a path that two sources name belongs to the first.

    Hidden files of a folder are left out: they are what editors and copying programs write before they rename.
    """
    found: dict[str, Listed] = {}
    for spec in specs:
        if spec.path != STDIN:
            for file in _files_of(spec):
                found.setdefault(file.path, file)
    return found


def _files_of(spec: SourceSpec) -> Iterator[Listed]:
    if os.path.lexists(spec.path) or not glob.has_magic(spec.path):
        yield from _at(spec, spec.path, is_named=True)
        return
    for path in sorted(glob.iglob(spec.path, recursive=True)):
        yield from _at(spec, path, is_named=False)


def _at(spec: SourceSpec, path: str, *, is_named: bool) -> Iterator[Listed]:
    """The file at a path, or the files below it. What the operator named has a problem when it is no file."""
    try:
        status = os.stat(path)
    except OSError as error:
        if is_named:
            yield _problem(spec, path, error.strerror or str(error))
        return
    if stat.S_ISDIR(status.st_mode):
        yield from _below(spec, path, status, set())
    elif stat.S_ISREG(status.st_mode):
        yield Listed(path, spec, Stat.of(status))
    elif is_named:
        yield _problem(spec, path, "not a regular file")


def _below(spec: SourceSpec, folder: str, status: os.stat_result, seen: set[tuple[int, int]]) -> Iterator[Listed]:
    """All files below a folder. Links are followed, but never into a folder that was listed already."""
    identity = (status.st_dev, status.st_ino)
    if identity in seen:
        return
    seen.add(identity)
    try:
        with os.scandir(folder) as scan:
            entries = sorted((each for each in scan if not each.name.startswith(".")), key=lambda each: each.name)
    except OSError as error:
        yield _problem(spec, folder, error.strerror or str(error))
        return
    for entry in entries:
        try:
            inside = entry.stat()
        except OSError:  # gone since, or a link to nowhere: not there
            continue
        if stat.S_ISREG(inside.st_mode):
            yield Listed(entry.path, spec, Stat.of(inside))
        elif stat.S_ISDIR(inside.st_mode):
            yield from _below(spec, entry.path, inside, seen)


def _problem(spec: SourceSpec, path: str, what: str) -> Listed:
    return Listed(path, spec, NOWHERE, what)
