"""Owns the colours: our three themes, registered in one place, and the terminal style of each colour role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING

from rich.style import Style
from textual.theme import Theme

from pandora_tui.style import Role

if TYPE_CHECKING:
    from textual.app import App

DARK = "pandora-dark"
LIGHT = "pandora-light"
ANSI = "pandora-ansi"


@dataclass(frozen=True, slots=True)
class Palette:
    """One theme's colours: hexadecimal, or names of the terminal's own sixteen with the prefix ``ansi_``."""

    background: str
    surface: str
    panel: str
    line: str
    text: str
    muted: str
    faint: str
    accent: str
    good: str
    critical: str
    high: str
    medium: str
    low: str
    cursor: str
    cursor_blurred: str


PALETTES: Mapping[str, Palette] = {
    DARK: Palette(
        background="#10141a",
        surface="#151a21",
        panel="#1b222b",
        line="#2c3642",
        text="#ccd3db",
        muted="#94a0ad",
        faint="#5d6977",
        accent="#6fb3d9",
        good="#7fbf8e",
        critical="#ff7085",
        high="#f39a5c",
        medium="#dcbc6a",
        low="#86a6c9",
        cursor="#223244",
        cursor_blurred="#1d2732",
    ),
    LIGHT: Palette(
        background="#f7f8f9",
        surface="#f0f2f4",
        panel="#e6eaee",
        line="#c3cbd4",
        text="#1f2933",
        muted="#52606d",
        faint="#7b8794",
        accent="#1a6394",
        good="#2a6f41",
        critical="#b81034",
        high="#a34300",
        medium="#765600",
        low="#3c5a80",
        cursor="#cfe2f0",
        cursor_blurred="#e1e9ef",
    ),
    ANSI: Palette(
        background="ansi_default",
        surface="ansi_default",
        panel="ansi_default",
        line="ansi_bright_black",
        text="ansi_default",
        muted="ansi_default",
        faint="ansi_default",
        accent="ansi_cyan",
        good="ansi_green",
        critical="ansi_red",
        high="ansi_bright_red",
        medium="ansi_yellow",
        low="ansi_blue",
        cursor="ansi_default",
        cursor_blurred="ansi_default",
    ),
}


def themes() -> list[Theme]:
    """The themes of the console, for :meth:`textual.app.App.register_theme`."""
    return [_theme(name, palette) for name, palette in PALETTES.items()]


def preferred_theme(environ: Mapping[str, str], chosen: str = "") -> str:
    """The theme to start with: the ``chosen`` one, else ANSI under NO_COLOR or with few colours, else dark.

    ``chosen`` may leave the prefix out (``light``). An unknown name is taken for none.
    """
    for name in (chosen, f"pandora-{chosen}"):
        if name in PALETTES:
            return name
    if environ.get("NO_COLOR") or not _has_many_colours(environ):
        return ANSI
    return DARK


@cache
def role_styles(theme: str) -> Mapping[Role, Style]:
    """The terminal style of each role under a theme; one that is not ours gets the dark theme's."""
    palette = PALETTES.get(theme, PALETTES[DARK])
    if theme == ANSI:
        return {role: Style.parse(text) for role, text in _ANSI_STYLES.items()}
    plain = {role: Style(color=getattr(palette, role.value)) for role in _PLAIN_ROLES}
    return plain | {
        Role.STRONG: Style(color=palette.text, bold=True),
        Role.WARN: Style(color=palette.medium),
        Role.BAD: Style(color=palette.critical),
        Role.CRITICAL: Style(color=palette.critical, bold=True),
        Role.INFORMATIONAL: Style(color=palette.muted),
        Role.CURSOR: Style(bgcolor=palette.cursor),
        Role.CURSOR_BLURRED: Style(bgcolor=palette.cursor_blurred),
    }


def styles_of(app: App[object]) -> Mapping[Role, Style]:
    """The role styles of the theme that ``app`` shows now."""
    return role_styles(app.theme)


_PLAIN_ROLES = (Role.TEXT, Role.MUTED, Role.FAINT, Role.ACCENT, Role.GOOD, Role.HIGH, Role.MEDIUM, Role.LOW)

# Weight carries what colour cannot: under NO_COLOR these attributes are all that is left.
_ANSI_STYLES = {
    Role.TEXT: "none",
    Role.MUTED: "none",
    Role.FAINT: "dim",
    Role.STRONG: "bold",
    Role.ACCENT: "cyan",
    Role.GOOD: "green",
    Role.WARN: "yellow",
    Role.BAD: "red",
    Role.CRITICAL: "bold red",
    Role.HIGH: "bright_red",
    Role.MEDIUM: "yellow",
    Role.LOW: "blue",
    Role.INFORMATIONAL: "none",
    Role.CURSOR: "reverse",
    Role.CURSOR_BLURRED: "bold",
}


# What Textual's own widgets want to know of a theme of terminal colours, and how they mark where the cursor is.
_ANSI_VARIABLES = {
    "ansi-background": "ansi_default",
    "ansi-foreground": "ansi_default",
    "surface-active": "ansi_default",
    "border": "ansi_cyan",
    "border-blurred": "ansi_bright_black",
    "block-cursor-background": "ansi_default",
    "block-cursor-foreground": "ansi_default",
    "block-cursor-text-style": "reverse",
    "block-cursor-blurred-background": "ansi_default",
    "block-cursor-blurred-foreground": "ansi_default",
    "block-cursor-blurred-text-style": "reverse",
}


def _has_many_colours(environ: Mapping[str, str]) -> bool:
    if environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return True
    term = environ.get("TERM", "").lower()
    return term.endswith(("-256color", "-direct")) or term in ("xterm-kitty", "alacritty", "foot", "xterm-ghostty")


def _theme(name: str, palette: Palette) -> Theme:
    return Theme(
        name=name,
        primary=palette.accent,
        secondary=palette.low,
        accent=palette.accent,
        warning=palette.medium,
        error=palette.critical,
        success=palette.good,
        foreground=palette.text,
        background=palette.background,
        surface=palette.surface,
        panel=palette.panel,
        dark=name != LIGHT,
        ansi=name == ANSI,
        variables=_css_variables(name, palette),
    )


def _css_variables(name: str, palette: Palette) -> dict[str, str]:
    """Our own colours under ``$pandora-…`` in the style sheet, and those of Textual's that clash with them."""
    ours = {f"pandora-{field.replace('_', '-')}": colour for field, colour in asdict(palette).items()}
    if name == ANSI:
        return ours | _ANSI_VARIABLES
    return ours | {
        "block-cursor-background": palette.cursor,
        "block-cursor-foreground": palette.text,
        "block-cursor-text-style": "none",
        "border": palette.accent,
        "border-blurred": palette.line,
        "input-cursor-background": palette.accent,
        "input-cursor-foreground": palette.background,
        "input-selection-background": palette.cursor,
        "scrollbar": palette.faint,
        "scrollbar-hover": palette.muted,
        "scrollbar-active": palette.accent,
        "scrollbar-background": palette.background,
        "scrollbar-background-hover": palette.background,
        "scrollbar-background-active": palette.background,
    }
