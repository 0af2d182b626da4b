"""Sending only what differs: the terminal must show the same as if everything had been sent."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyte
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate
from textual.strip import Strip

from pandora_tui.difftx import Part, Place, Shadow, UnknownOutputError
from tests.tui.ptyrun import PtyRun

COLUMNS, ROWS = 24, 4
TINY = Path(__file__).with_name("tiny_console.py")
STYLES = [
    None,
    Style(),
    Style(color="#ff7085", bold=True),
    Style(color="#ff7085", bgcolor="#223244"),
    Style(bgcolor="#223244"),
    Style(color="#ccd3db", reverse=True),
    Style(color="#ccd3db", meta={"@click": "app.quit"}),
    Style(color="green", italic=True),
]
TEXT = st.text(alphabet=st.sampled_from("ab ─▲⣿中文é\u0301"), min_size=1, max_size=12).filter(
    lambda text: text[0] != "\u0301"
)
SEGMENTS = st.lists(st.tuples(TEXT, st.sampled_from(STYLES)).map(lambda pair: Segment(*pair)), min_size=1, max_size=5)


@st.composite
def parts(draw: st.DrawFn) -> Part:
    """A strip somewhere on the screen, as wide as there is room for."""
    x = draw(st.integers(0, COLUMNS - 2))
    strip = Strip(draw(SEGMENTS))
    width = min(strip.cell_length, COLUMNS - x)
    return Part(draw(st.integers(0, ROWS - 1)), x, strip.adjust_cell_length(width))


class Terminal:
    """An emulator, and what it shows: characters with their colours."""

    def __init__(self) -> None:
        self.screen = pyte.Screen(COLUMNS, ROWS)
        self.stream = pyte.Stream(self.screen)
        self.stream.feed("\x1b[?7l")  # lines do not wrap, as under Textual

    def feed(self, sequences: str) -> None:
        self.stream.feed(sequences)

    def cells(self) -> list[list[tuple[Any, ...]]]:
        return [
            [
                (cell.data, cell.fg, cell.bg, cell.bold, cell.italics, cell.reverse)
                for cell in (self.screen.buffer[y][x] for x in range(COLUMNS))
            ]
            for y in range(ROWS)
        ]


def in_full(part: Part) -> str:
    """A strip as Textual sends it."""
    drawn = "".join(style.render(text) if style else text for text, style, _ in part.strip)
    return f"\x1b[{part.y + 1};{part.x + 1}H{drawn}"


def blank() -> list[Part]:
    return [Part(y, 0, Strip([Segment(" " * COLUMNS, Style())])) for y in range(ROWS)]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(parts(), max_size=4), max_size=6))
def test_the_terminal_shows_the_same_as_with_full_updates(frames: list[list[Part]]) -> None:
    thrifty, full = Terminal(), Terminal()
    shadow = Shadow(Place(COLUMNS, ROWS), ColorSystem.TRUECOLOR)
    for part in blank():
        shadow.keep(part)
        thrifty.feed(in_full(part))
        full.feed(in_full(part))
    for frame in frames:
        frame = [part for part in frame if not splits_a_wide_character(full, part)]
        thrifty.feed(shadow.difference(frame) + "\x1b[0m")
        full.feed("".join(in_full(part) + "\x1b[0m" for part in frame))
        assert thrifty.cells() == full.cells()


def splits_a_wide_character(terminal: Terminal, part: Part) -> bool:
    """Terminals differ in what they leave of a wide character that is half overwritten; Textual never does that."""
    for edge in (part.x, part.x + part.strip.cell_length):
        if edge < COLUMNS and terminal.screen.buffer[part.y][edge].data == "":
            return True
    return False


def test_nothing_is_sent_for_what_is_already_there() -> None:
    shadow = Shadow(Place(COLUMNS, ROWS), ColorSystem.TRUECOLOR)
    part = Part(1, 2, Strip([Segment("ws-114", Style(color="red"))]))
    assert shadow.difference([part]) != ""
    assert shadow.difference([part]) == ""
    clickable = Part(1, 2, Strip([Segment("ws-114", Style(color="red", meta={"@click": "x"}))]))
    assert shadow.difference([clickable]) == ""


def test_one_changed_digit_costs_a_few_bytes() -> None:
    shadow = Shadow(Place(80, 1), ColorSystem.TRUECOLOR)
    style = Style(color="#94a0ad", bgcolor="#1b222b")
    shadow.keep(Part(0, 0, Strip([Segment("lag 0.3s".rjust(80), style)])))
    sent = shadow.difference([Part(0, 0, Strip([Segment("lag 0.4s".rjust(80), style)]))])
    assert sent == "\x1b[1;79H\x1b[0;38;2;148;160;173;48;2;27;34;43m4"


def test_what_it_does_not_know_is_left_to_textual() -> None:
    shadow = Shadow(Place(10, 1), ColorSystem.TRUECOLOR)
    for strip in (
        Strip([Segment("link", Style(link="https://example.org"))]),
        Strip([Segment("", None, [(1,)])]),  # type: ignore[list-item]
        Strip([Segment("wider than the screen", None)]),
        Strip([Segment("\u0301", None)]),
    ):
        with pytest.raises(UnknownOutputError):
            shadow.difference([Part(0, 0, strip)])
    with pytest.raises(UnknownOutputError):
        shadow.difference([Part(1, 0, Strip([Segment("x", None)]))])


async def test_without_a_terminal_textual_draws(
    make_app: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app()
    async with app.run_test():
        assert app.is_frugal
        assert app._shadow is None
        assert app._difference(ChopsUpdate([], [], [])) is None


KEYS = ("3", "ctrl+p", "vault", "\r", "?", "\x1b", ":", "\x1b")


def wander(folder: Path, frugal: str) -> tuple[list[list[str]], int]:
    """What the console shows after each of KEYS, and the bytes that it took."""
    screens = []
    with PtyRun([sys.executable, str(TINY), str(folder), ""], env={"PANDORA_FRUGAL": frugal}) as run:
        assert run.wait_for_text("PANDORA")
        run.settle()
        screens.append(run.screen())
        for keys in KEYS:
            before = screens[-1]
            run.send("\x10" if keys == "ctrl+p" else keys)
            assert run.read_until(lambda before=before: run.screen() != before)
            run.settle()
            screens.append(run.screen())
        sent = len(run.output)
        run.send("q")
        assert run.wait() == 0
    return screens, sent


def test_a_walk_through_the_console_looks_the_same_and_costs_less(tmp_path: Path) -> None:
    full, full_bytes = wander(tmp_path, "0")
    thrifty, thrifty_bytes = wander(tmp_path, "1")
    assert thrifty == full
    assert thrifty_bytes < full_bytes


def test_ctrl_l_mends_a_screen_that_somebody_else_wrote_to(tmp_path: Path) -> None:
    with PtyRun([sys.executable, str(TINY), str(tmp_path), ""]) as run:
        assert run.wait_for_text("PANDORA")
        run.wait_for_quiet(0.2)
        before = run.screen()
        os.write(run._slave, b"\x1b[3;1Hkernel: out of memory")
        run.read_for(0.1)
        assert run.screen() != before
        run.send("\x0c")
        run.read_for(0.3)
        assert run.screen() == before


def test_a_console_that_was_stopped_and_goes_on_draws_everything_again(tmp_path: Path) -> None:
    with PtyRun([sys.executable, str(TINY), str(tmp_path), ""]) as run:
        assert run.wait_for_text("PANDORA")
        run.wait_for_quiet(0.2)
        before = run.screen()
        run.signal(signal.SIGTSTP)
        run.read_for(0.3)
        assert "PANDORA" not in "".join(run.screen())
        run.signal(signal.SIGCONT)
        end = time.monotonic() + 3
        while run.screen() != before and time.monotonic() < end:
            run.read_for(0.1)
        assert run.screen() == before
        run.send("q")
        assert run.wait() == 0
