"""Owns a scenario on disk: whole lines appended to its files, their headers, their numbers, and the ground truth."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from pandora_core.errors import RefusedError
from pandora_core.scenario import truth
from pandora_core.scenario.plan import Plan
from pandora_core.scenario.simulate import Record, Scenario
from pandora_core.scenario.writers import flows, zeek_schema

_FLUSH_LINES = 20_000


@dataclass(frozen=True, slots=True)
class Summary:
    """What a scenario came to: ``files`` gives the number of log lines (headers not counted) by relative path."""

    folder: Path
    lines: int
    attack_lines: int
    files: dict[str, int]
    chain: tuple[str, ...]
    hosts: tuple[str, ...]


class Folder:
    """Collects lines and appends them on :meth:`flush`; no file stays open between two flushes.

    Raises:
        RefusedError: the folder exists and is not empty.
    """

    def __init__(self, path: Path, scenario: Scenario) -> None:
        if path.exists() and any(path.iterdir()):
            raise RefusedError("is not empty", where=str(path), hint="choose a new folder, or empty this one")
        self._path = path
        self._scenario = scenario
        self._has_headers = not scenario.plan.zeek_json
        self._waiting: defaultdict[str, list[str]] = defaultdict(list)
        self._numbers: Counter[str] = Counter()
        self._lines: Counter[str] = Counter()
        self._waiting_lines = 0
        self._attack_lines = 0
        self._last_us = scenario.plan.start_us
        self._put(truth.FILE, truth.head(scenario))

    def add(self, record: Record) -> None:
        """Takes one line; it is on disk after the next :meth:`flush`."""
        if record.file not in self._numbers:
            self._open(record)
        self._put(record.file, record.line)
        self._lines[record.file] += 1
        self._last_us = record.at_us
        if record.truth:
            self._attack_lines += 1
            self._put(truth.FILE, truth.line(record, self._numbers[record.file]))
        if self._waiting_lines >= _FLUSH_LINES:
            self.flush()

    def flush(self) -> None:
        """Appends everything taken so far, as whole lines."""
        for file, lines in self._waiting.items():
            target = self._path / file
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("a", encoding="utf-8", newline="\n") as log:
                log.write("\n".join(lines) + "\n")
        self._waiting.clear()
        self._waiting_lines = 0

    def close(self) -> Summary:
        """Ends the files that have an ending, and says what was written."""
        if self._has_headers:
            for file in [name for name in self._numbers if name.startswith(zeek_schema.FOLDER)]:
                self._put(file, zeek_schema.closing(self._last_us))
        self.flush()
        return Summary(
            folder=self._path,
            lines=self._lines.total(),
            attack_lines=self._attack_lines,
            files=dict(sorted(self._lines.items())),
            chain=self._scenario.phases,
            hosts=self._scenario.hosts,
        )

    def _open(self, record: Record) -> None:
        if record.file == flows.FILE:
            self._put(record.file, flows.HEADER)
        if self._has_headers and record.file.startswith(zeek_schema.FOLDER):
            log = record.file.removeprefix(zeek_schema.FOLDER).removesuffix(".log")
            for text in zeek_schema.opening(log, record.at_us):
                self._put(record.file, text)

    def _put(self, file: str, text: str) -> None:
        self._waiting[file].append(text)
        self._numbers[file] += 1
        self._waiting_lines += 1


def generate(plan: Plan, path: Path) -> Summary:
    """Writes the whole scenario of a plan into a new or empty folder.

    Raises:
        ConfigError: there is no attack of the plan's name.
        RefusedError: the folder is not empty.
    """
    scenario = Scenario(plan)
    folder = Folder(path, scenario)
    for record in scenario.records():
        folder.add(record)
    return folder.close()
