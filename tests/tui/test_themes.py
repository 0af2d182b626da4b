"""Themes: complete, readable, and without colour where none is wanted."""

from __future__ import annotations

import pytest
from textual.color import Color

from pandora_tui.style import Role
from pandora_tui.themes import ANSI, DARK, LIGHT, PALETTES, preferred_theme, role_styles, themes

READ = ("text", "muted", "accent", "good", "critical", "high", "medium", "low")


@pytest.mark.parametrize("name", PALETTES)
def test_every_theme_has_a_style_for_every_role(name: str) -> None:
    assert set(role_styles(name)) == set(Role)
    assert name in {theme.name for theme in themes()}


@pytest.mark.parametrize("name", [DARK, LIGHT])
@pytest.mark.parametrize("role", READ)
@pytest.mark.parametrize("ground", ["background", "surface", "panel", "cursor", "cursor_blurred"])
def test_text_is_readable_on_every_ground(name: str, role: str, ground: str) -> None:
    """WCAG 2.2, 1.4.3: a contrast of 4.5:1 for text."""
    palette = PALETTES[name]
    text, behind = Color.parse(getattr(palette, role)), Color.parse(getattr(palette, ground))
    assert contrast(text, behind) >= 4.5


@pytest.mark.parametrize(
    ("environ", "chosen", "expected"),
    [
        ({"TERM": "xterm-256color"}, "", DARK),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, "", DARK),
        ({"TERM": "linux"}, "", ANSI),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, "", ANSI),
        ({"TERM": "xterm-256color", "NO_COLOR": ""}, "", DARK),
        ({"TERM": "linux"}, "light", LIGHT),
        ({"TERM": "xterm-256color"}, "pandora-light", LIGHT),
        ({"TERM": "xterm-256color"}, "no such theme", DARK),
    ],
)
def test_the_first_theme_suits_the_terminal(environ: dict[str, str], chosen: str, expected: str) -> None:
    assert preferred_theme(environ, chosen) == expected


def test_what_matters_most_differs_by_weight_where_there_is_no_colour() -> None:
    styles = role_styles(ANSI)
    assert styles[Role.CRITICAL].bold
    assert styles[Role.CURSOR].reverse
    assert styles[Role.FAINT].dim


def contrast(one: Color, other: Color) -> float:
    """The ratio of the relative luminances, as WCAG 2.2 defines them."""
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def luminance(color: Color) -> float:
    red, green, blue = (linear(part / 255) for part in color.rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
