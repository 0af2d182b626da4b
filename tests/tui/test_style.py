"""Severity marks, units, and hostile text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.content import Content

from pandora_core.model import Severity
from pandora_tui.style import (
    AMBIGUOUS_GLYPHS,
    ASCII,
    UNICODE,
    age_text,
    cell_width,
    count_text,
    duration_text,
    fit,
    fit_end,
    is_ascii_terminal,
    safe_text,
    severity_mark,
    size_text,
)

HOSTILE = st.text(
    alphabet=st.characters(codec=None, categories=None)
    | st.sampled_from("\x00\x07\x1b\x7f\x9b\n\r\t\u202e\u2066\u200b\u200d\ufeff\ufe0f\u0301\ud800[]\\中👩 "),
    max_size=80,
)


def test_every_severity_has_a_glyph_a_word_and_a_colour_of_its_own() -> None:
    marks = [severity_mark(severity) for severity in Severity]
    assert [str(mark) for mark in marks] == ["◦ INFO", "· LOW", "■ MED", "▲ HIGH", "▲ CRIT"]
    assert len({mark.word for mark in marks}) == len({mark.role for mark in marks}) == len(Severity)
    assert all(mark.glyph for mark in marks)


@pytest.mark.usefixtures("ascii_terminal")
def test_the_severities_differ_by_glyph_in_ascii_too() -> None:
    assert len({severity_mark(severity).glyph for severity in Severity}) == len(Severity)
    assert all(str(severity_mark(severity)).isascii() for severity in Severity)


def test_glyphs_are_one_cell_wide_and_ambiguous_only_where_listed() -> None:
    for glyph in UNICODE:
        width = unicodedata.east_asian_width(glyph)
        assert cell_len(glyph) == 1
        assert width in ("N", "Na") or (width == "A" and glyph in AMBIGUOUS_GLYPHS), (glyph, width)
    assert all(glyph.isascii() and len(glyph) == 1 for glyph in ASCII)


def test_nothing_on_the_list_of_ambiguous_glyphs_is_wide_or_needless() -> None:
    assert {unicodedata.east_asian_width(glyph) for glyph in AMBIGUOUS_GLYPHS} == {"A"}


@pytest.mark.parametrize(
    ("setting", "encoding", "expected"),
    [
        ("", "utf-8", False),
        ("", "UTF_8", False),
        ("", "iso-8859-1", True),
        ("", "ascii", True),
        ("1", "utf-8", True),
        ("0", "ascii", False),
    ],
)
def test_ascii_is_drawn_when_asked_for_or_when_the_terminal_is_not_unicode(
    setting: str, encoding: str, expected: bool
) -> None:
    assert is_ascii_terminal(setting, encoding) is expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0 B"), (512, "512 B"), (1023, "1,023 B"), (1023.6, "1.0 KiB"), (1536, "1.5 KiB"), (23 << 20, "23 MiB")],
)
def test_sizes_are_in_binary_units(value: float, expected: str) -> None:
    assert size_text(value) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.004, "4ms"),
        (0.0996, "0.1s"),
        (0.3, "0.3s"),
        (9.97, "10s"),
        (59.7, "1m00s"),
        (75, "1m15s"),
        (7_500, "2h05m"),
        (3 * 86_400 + 4 * 3_600, "3d04h"),
        (-2, "-2.0s"),
        (float("nan"), "?"),
    ],
)
def test_durations_choose_the_unit_that_fits(seconds: float, expected: str) -> None:
    assert duration_text(seconds) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-5, "now"),
        (0.2, "now"),
        (42, "42s"),
        (59.9, "59s"),
        (120, "2m"),
        (31 * 60, "31m"),
        (5 * 3_600, "5h"),
        (86_400 * 70, "10w"),
    ],
)
def test_ages_are_short(seconds: float, expected: str) -> None:
    assert age_text(seconds) == expected


@given(st.floats(min_value=0, max_value=1e12))
def test_an_age_never_takes_more_than_four_cells(seconds: float) -> None:
    assert len(age_text(seconds)) <= 4


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "0"), (2.5, "2.5"), (4_812, "4,812"), (99_999, "99,999"), (99_999.6, "100k"), (4.8e6, "4.8M")],
)
def test_counts_stay_exact_until_they_get_long(count: float, expected: str) -> None:
    assert count_text(count) == expected


@given(st.floats(min_value=0, max_value=9e11))
def test_a_count_never_takes_more_than_six_cells(count: float) -> None:
    assert len(count_text(count)) <= 6


def test_control_and_direction_characters_become_visible() -> None:
    assert safe_text("a\x1b[31mb\nc\x7f") == "a␛[31mb␊c␡"
    assert safe_text("user\u202egnp.exe") == "user<202e>gnp.exe"
    assert safe_text("csi\x9bm zero\u200bwidth") == "csi<9b>m zero<200b>width"


def test_undecodable_bytes_become_visible() -> None:
    assert safe_text(b"caf\xe9".decode("utf-8", "surrogateescape")) == "caf<dce9>"


def test_piles_of_combining_marks_are_cut() -> None:
    assert safe_text("e" + "\u0301" * 40) == "e\u0301\u0301"
    assert safe_text("\u0301lead") == "lead"


@given(HOSTILE, st.integers(min_value=0, max_value=40))
def test_safe_text_is_printable_and_never_wider_than_asked(text: str, cells: int) -> None:
    safe = safe_text(text, cells)
    assert safe.isprintable()
    assert cell_width(safe) <= cells
    safe.encode()


@given(HOSTILE)
def test_text_made_safe_for_markup_is_read_back_as_it_was(text: str) -> None:
    plain = safe_text(text)
    inside = Content.from_markup(f"[b]{safe_text(text, markup=True)}[/b] after").plain
    assert inside in (f"{plain} after", f"{plain}  after")


@pytest.mark.usefixtures("ascii_terminal")
@given(HOSTILE)
def test_in_ascii_everything_is_ascii(text: str) -> None:
    assert safe_text(text, 30).isascii()


@given(HOSTILE.map(safe_text), st.integers(min_value=0, max_value=40), st.booleans())
def test_a_fitted_text_has_exactly_the_cells_it_was_given(text: str, cells: int, right: bool) -> None:
    assert cell_width(fit(text, cells, right=right)) == cells


@given(HOSTILE.map(safe_text), st.integers(min_value=1, max_value=40))
def test_a_text_fitted_by_its_end_has_exactly_the_cells_it_was_given(text: str, cells: int) -> None:
    assert cell_width(fit_end(text, cells)) == cells


def test_a_path_that_does_not_fit_keeps_its_name() -> None:
    assert fit_end("/var/log/zeek/conn.log", 12) == "…ek/conn.log"
    assert fit_end("/a/中中中.log", 8) == "…中.log "
    assert fit_end("conn.log", 10) == "conn.log  "


def test_a_text_that_does_not_fit_ends_in_an_ellipsis() -> None:
    assert fit("dc-01.example", 8) == "dc-01.e…"
    assert fit("中中中", 4) == "中… "
    assert fit("42", 5, right=True) == "   42"


@pytest.mark.usefixtures("ascii_terminal")
def test_typographic_marks_keep_their_meaning_in_ascii() -> None:
    assert safe_text("“a–b” ±2 % · 3 × 4 … ’s ü") == '"a-b" +-2 % - 3 x 4 ... \'s ?'
