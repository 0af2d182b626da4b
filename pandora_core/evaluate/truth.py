"""Owns the truth about labelled logs: which line, or whose events in which time, belong to which stage of an attack.

Two kinds of files are read (docs/cli.md): the simulator's ``truth.ndjson``, which names lines, and CSV with a host,
user or address and a time span in each row.
"""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pandora_core.errors import SourceError
from pandora_core.model import from_iso

_COLUMNS = {"entity", "from", "until", "phase"}
_KINDS = ("host", "user", "address")


@dataclass(slots=True)
class Stage:
    """One stage of an attack; ``begins_us`` is the time of its first event, ``None`` while none was met."""

    attack: str
    number: int
    phase: str
    technique: str = ""
    entity: str = ""
    begins_us: int | None = None
    events: int = 0

    def take(self, at_us: int) -> None:
        """One more event is known to be of this stage."""
        self.begins_us = at_us if self.begins_us is None else min(self.begins_us, at_us)
        self.events += 1


class Span(NamedTuple):
    """From when until when (µs, the end included) everything about an entity belongs to a stage."""

    from_us: int
    until_us: int
    stage: Stage


@dataclass(slots=True)
class Truth:
    """What is true of a set of logs: ``lines`` by relative path and line number, ``spans`` by lower-case name."""

    stages: list[Stage] = field(default_factory=list)
    lines: dict[str, dict[int, Stage]] = field(default_factory=lambda: defaultdict(dict))
    spans: dict[str, list[Span]] = field(default_factory=lambda: defaultdict(list))
    names: dict[str, str] = field(default_factory=dict)
    """What each attack is called."""
    hosts: int | None = None
    """How many hosts the logs are about, where the truth says."""

    def stage_of(self, path: str, line: int, at_us: int, names: tuple[str | None, ...]) -> Stage | None:
        """The stage that an event belongs to: by its line, else by the hosts, users and addresses it names."""
        of_file = self.lines.get(path)
        stage = of_file.get(line) if of_file is not None else None
        if stage is None and self.spans:
            stage = self._by_span(at_us, names)
        if stage is not None:
            stage.take(at_us)
        return stage

    def _by_span(self, at_us: int, names: tuple[str | None, ...]) -> Stage | None:
        for name in names:
            for span in self.spans.get(plain_name(name), ()) if name else ():
                if span.from_us <= at_us <= span.until_us:
                    return span.stage
        return None


def plain_name(name: str) -> str:
    """A host, user or address as it is compared: lower case, a host without its domain, an address as it is."""
    low = name.lower()
    head = low.partition(".")[0]
    return low if head.isdecimal() or ":" in low else head


def read_truth(path: Path) -> Truth:
    """Reads a truth file: JSON lines, or CSV where the name ends in ``.csv``.

    Raises:
        SourceError: it is not there, or a row does not say what it must.
    """
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return _read_csv(path, stream) if path.suffix == ".csv" else _read_lines(path, stream)
    except OSError as error:
        raise SourceError(f"cannot read: {error.strerror}", where=str(path), hint="check --truth") from error
    except UnicodeDecodeError as error:
        raise SourceError("is not UTF-8 text", where=str(path), hint="see docs/cli.md for truth files") from error


def _read_lines(path: Path, stream: Iterator[str]) -> Truth:
    truth, stages = Truth(), _Stages()
    for number, text in enumerate(stream, start=1):
        try:
            row = json.loads(text)
            if "file" in row:
                truth.lines[row["file"]][int(row["line"])] = stages.of(row)
            else:
                _read_head(row, truth)
        except (ValueError, KeyError, TypeError) as error:
            raise _bad(path, number, error) from error
    return stages.into(truth)


def _read_head(row: Mapping[str, Any], truth: Truth) -> None:
    truth.hosts = row.get("company_hosts")
    for attack in row.get("attacks", ()):
        truth.names[str(attack["id"])] = str(attack["name"])


def _read_csv(path: Path, stream: Iterator[str]) -> Truth:
    truth, stages = Truth(), _Stages()
    rows = csv.DictReader(stream)
    lacking = _COLUMNS - set(rows.fieldnames or ())
    if lacking:
        raise SourceError(f"has no column {', '.join(sorted(lacking))}", where=str(path), hint="see docs/cli.md")
    for number, row in enumerate(rows, start=2):
        try:
            stage = stages.of(row)
            kind, found, name = row["entity"].partition(":")
            bare = name if found and kind in _KINDS else row["entity"]
            truth.spans[plain_name(bare)].append(Span(from_iso(row["from"]), from_iso(row["until"]), stage))
        except (ValueError, TypeError, AttributeError) as error:
            raise _bad(path, number, error) from error
    return stages.into(truth)


class _Stages:
    """Stages in the making. A row without a number of its own is of the stage that its phase is."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Stage] = {}

    def of(self, row: Mapping[str, Any]) -> Stage:
        attack, phase = str(row.get("attack") or "1"), str(row["phase"])
        key = attack, str(row.get("stage") or phase)
        if key not in self._known:
            number = sum(1 for other, _ in self._known if other == attack) + 1
            technique, entity = str(row.get("technique") or ""), str(row.get("entity") or "")
            self._known[key] = Stage(attack, number, phase, technique, entity)
        return self._known[key]

    def into(self, truth: Truth) -> Truth:
        truth.stages = list(self._known.values())
        return truth


def _bad(path: Path, number: int, error: Exception) -> SourceError:
    return SourceError(f"row says nothing usable: {error!r}", where=f"{path}:{number}", hint="see docs/cli.md")
