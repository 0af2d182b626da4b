"""How an alert is told: the figures sum, the lines fit, and hostile text is harmless."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pandora_core.detect.incidents.risk import score as score_of
from pandora_core.model import Detection, EntityRef
from pandora_core.store.reader import Reader
from pandora_core.store.rows import AlertDetail
from pandora_tui.stories.alert import brief, heading, score, story
from pandora_tui.stories.wrapping import chopped, wrapped
from pandora_tui.style import cell_width
from pandora_tui.widgets.lines import Line
from pandora_tui.widgets.pieces import width_of
from tests.tui import stored


def text(lines: list[Line]) -> list[str]:
    return ["".join(piece.text for piece in line) for line in lines]


def figures(lines: list[str]) -> tuple[int, list[int]]:
    """The score and its parts, as they are written."""
    total = int(lines[0].split("=")[0])
    parts = [found for line in lines if (found := re.match(r"(?: *\d+ =| +\+) +(\d+) ", line))]
    return total, [int(found[1]) for found in parts]


@given(
    points=st.lists(st.floats(0.5, 99), min_size=1, max_size=12),
    most=st.integers(1, 14),
    width=st.integers(20, 120),
    is_wrapped=st.booleans(),
)
def test_the_parts_of_a_score_always_sum_to_it_even_where_some_are_left_out(
    points: list[float], most: int, width: int, is_wrapped: bool
) -> None:
    found = [
        Detection(f"d{n}", f"detector-{n}", EntityRef("host", "h"), 1, 2, 1, value, f"title {n}", ())
        for n, value in enumerate(points)
    ]
    lines = text(score(stored.alert("A-1", found), width, most=most, is_wrapped=is_wrapped))
    total, parts = figures(lines)
    assert total == round(score_of(found).risk) == sum(parts)
    assert len(parts) == min(len(points), most)


@pytest.fixture
def details(tmp_path: Path) -> list[AlertDetail]:
    reader = Reader(stored.fill(tmp_path))
    return [reader.alert(number) for number, _ in stored.company()]


@pytest.mark.parametrize("width", [30, 40, 60, 78, 140])
@pytest.mark.parametrize("height", [3, 5, 10, 40])
def test_an_alert_fits_the_room_there_is(details: list[AlertDetail], width: int, height: int) -> None:
    for detail in details:
        lines = brief(detail, width, height)
        assert len(lines) <= max(height, 2)
        assert all(width_of(line) <= width for line in [*lines, *story(detail, width)])
        assert width_of(heading(detail.view, max(width, 40))) == max(width, 40)


def test_where_there_is_room_the_whole_story_is_told(details: list[AlertDetail]) -> None:
    told = "\n".join(text(brief(details[0], 70, 60)))
    for words in (
        "service updsvc created on dc-01 from ws-114, and 3 more",
        "94 =  30",
        "in the 3 days that its",
        "T1021.002, T1569.002, T1046, lateral-movement",
        "ws-114, dc-01",
        "pgustavo",
        "Security.json:48124",
        "2026-03-27 14:27:00 to 14:31:00 UTC",
    ):
        assert words in told


def test_hostile_text_is_told_without_a_single_control_character(details: list[AlertDetail]) -> None:
    hostile = next(detail for detail in details if detail.view.alert.id == "A-5c5c5c5c")
    lines = text([heading(hostile.view, 80), *story(hostile, 80), *brief(hostile, 80, 9)])
    assert all(line.isprintable() for line in lines)
    assert any("␛[31mred" in line for line in lines)


@given(st.text(alphabet="ab 中\u0301", max_size=80), st.integers(2, 30))
def test_wrapped_text_keeps_its_words_and_its_width(sentence: str, cells: int) -> None:
    lines = wrapped(sentence, cells)
    assert all(cell_width(line) <= cells for line in lines)
    assert "".join(lines).replace(" ", "") == sentence.replace(" ", "")


@given(st.text(alphabet="ab 中", max_size=80), st.integers(2, 30))
def test_a_chopped_line_loses_nothing(line: str, cells: int) -> None:
    pieces = chopped(line, cells)
    assert all(cell_width(piece) <= cells for piece in pieces)
    assert "".join(pieces) == line
