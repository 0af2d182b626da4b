from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from pandora_core.ingest.cursor import Lines
from pandora_core.ingest.format import Decoded
from pandora_core.ingest.intake import Intake, Mark, Run
from pandora_core.model import BadLine, Event


@dataclass
class Place:
    """Stands in for a checkpoint: how many lines were read."""

    line: int


class Clockwork:
    """A decoder of lines that are nothing but a time; ``x`` is a bad line, an empty one nothing."""

    def decode(self, lines: Sequence[bytes]) -> list[Decoded]:
        return [self._one(line) for line in lines]

    def state(self) -> dict[str, Any]:
        return {}

    def _one(self, line: bytes) -> Decoded:
        if not line:
            return None
        return Event(int(line), "test.log") if line.isdigit() else BadLine("no number")


@dataclass
class File:
    """Stands in for a log file that is all in memory."""

    path: str
    lines: list[bytes | BadLine]
    at: int = 0
    member: str = ""
    decoder: Clockwork = field(default_factory=Clockwork)

    def read(self, max_lines: int) -> Lines:
        texts = self.lines[self.at : self.at + max_lines]
        first, self.at = self.at, self.at + len(texts)
        return Lines(texts, list(range(first, self.at)), [1] * len(texts), first + 1)

    def checkpoint(self) -> Place:
        return Place(self.at)


def intake_of(*files: File, skip: int = 0) -> Intake:
    intake = Intake(lambda _file: skip)
    intake.offer(list(files))  # type: ignore[arg-type]
    return intake


def items_of(runs: list[Run]) -> list[tuple[str, int, Decoded]]:
    return [
        (run.feed.file.path, run.first_number + place, run.decoded[place])
        for run in runs
        for place in range(run.start, run.stop)
    ]


def drained(intake: Intake, limit: int) -> list[tuple[str, int, Decoded]]:
    found: list[tuple[str, int, Decoded]] = []
    while runs := intake.take(limit):
        found += items_of(runs)
    return found


def times(*values: int) -> list[bytes | BadLine]:
    return [str(value).encode() for value in values]


def test_lines_of_many_files_come_in_the_order_of_time() -> None:
    found = drained(intake_of(File("a", times(1, 4, 5)), File("b", times(2, 3, 6))), 100)
    assert [item.at_us for _, _, item in found if isinstance(item, Event)] == [1, 2, 3, 4, 5, 6]


def test_equal_times_are_taken_by_name_whatever_was_offered_first() -> None:
    one = drained(intake_of(File("a", times(1, 1)), File("b", times(1, 1))), 100)
    other = drained(intake_of(File("b", times(1, 1)), File("a", times(1, 1))), 100)
    assert one == other


def test_what_is_no_event_stays_beside_its_neighbours() -> None:
    lines: list[bytes | BadLine] = [b"1", b"", b"x", BadLine("too long"), b"9"]
    found = drained(intake_of(File("a", lines), File("b", times(5))), 100)
    assert [(path, number) for path, number, _ in found] == [
        ("a", 1),
        ("a", 2),
        ("a", 3),
        ("a", 4),
        ("b", 1),
        ("a", 5),
    ]
    assert [item.reason for _, _, item in found if isinstance(item, BadLine)] == ["no number", "too long"]


def test_a_file_that_was_dropped_gives_nothing_more_and_its_mark_stands_before_it() -> None:
    file = File("a", times(*range(10)))
    intake = intake_of(file)
    (run,) = intake.take(4)
    assert intake.holds(file)  # type: ignore[arg-type]
    intake.drop([file])  # type: ignore[list-item]
    assert intake.take(100) == []
    assert run.feed.mark() == Mark(Place(0), 4)  # type: ignore[arg-type]


files_of_times = st.lists(
    st.lists(st.one_of(st.integers(0, 50).map(lambda n: str(n).encode()), st.sampled_from([b"", b"x"])), max_size=60),
    min_size=1,
    max_size=4,
)


@given(files_of_times, st.integers(1, 70), st.integers(1, 70))
def test_the_order_does_not_depend_on_the_size_of_batches(content: list[list[bytes]], one: int, other: int) -> None:
    def made() -> list[File]:
        return [File(f"f{number}", list(lines)) for number, lines in enumerate(content)]

    assert drained(intake_of(*made()), one) == drained(intake_of(*made()), other)


@given(files_of_times, st.integers(1, 20), st.integers(0, 10))
def test_going_on_from_the_marks_gives_exactly_the_rest(content: list[list[bytes]], limit: int, batches: int) -> None:
    files = [File(f"f{number}", list(lines)) for number, lines in enumerate(content)]
    intake = intake_of(*files)
    marks: dict[str, Mark] = {}
    before: list[tuple[str, int, Decoded]] = []
    for _ in range(batches):
        runs = intake.take(limit)
        before += items_of(runs)
        marks |= {run.feed.file.path: run.feed.mark() for run in runs}
    again = []
    for number, lines in enumerate(content):
        mark = marks.get(f"f{number}", Mark(Place(0)))  # type: ignore[arg-type]
        again.append((File(f"f{number}", list(lines), mark.checkpoint.line), mark.skip))  # type: ignore[attr-defined]
    rest = Intake(lambda file: {f.path: skip for f, skip in again}[file.path])
    rest.offer([file for file, _ in again])  # type: ignore[misc]
    whole = [File(f"f{number}", list(lines)) for number, lines in enumerate(content)]
    assert sorted(before + drained(rest, limit), key=repr) == sorted(drained(intake_of(*whole), 1000), key=repr)


def test_memory_is_bounded_however_many_files_there_are() -> None:
    files = [File(f"f{number:04}", times(*range(2000))) for number in range(300)]
    intake = intake_of(*files)
    intake.take(30_000)
    assert sum(file.at for file in files) < 30_000 + 64_000 + 300 * 32
