"""Owns the two lines that frame every screen: where I am and how fresh it is above, the keys that work here below."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual.strip import Strip
from textual.widget import Widget

from pandora_tui.commands import PLACES, Command, command_of, key_sign, place_of
from pandora_tui.messages import EngineState, Status, VaultState
from pandora_tui.style import Role, cell_width, duration_text, fit, glyphs, safe_text
from pandora_tui.widgets.pieces import Piece, draw_line, width_of

if TYPE_CHECKING:
    from textual.screen import Screen

SLOW_LAG_S = 10.0
"""From this lag on, what is on screen is old enough to say so in colour."""


class TopLine(Widget):
    """Where I am, is the engine alive, how far is it behind, is the vault open: the same on every screen."""

    ALLOW_SELECT: ClassVar[bool] = False
    DEFAULT_CSS = "TopLine { dock: top; height: 1; width: 1fr; }"

    def __init__(self, place: str, status: Status) -> None:
        super().__init__()
        self.set_reactive(Widget.auto_links, False)
        self._place = place
        self._status = status
        self._note = ""

    def show(self, *, status: Status | None = None, note: str | None = None) -> None:
        """Draw another status, or another note on what the screen shows (its filter and order)."""
        new = (self._status if status is None else status, self._note if note is None else note)
        if new != (self._status, self._note):
            self._status, self._note = new
            self.refresh()

    def render_line(self, y: int) -> Strip:
        return draw_line(self, top_line(self._place, self._note, self._status, self.size.width))


class KeyLine(Widget):
    """The keys that work here, the most useful first; a click on one is as good as the key."""

    ALLOW_SELECT: ClassVar[bool] = False
    DEFAULT_CSS = "KeyLine { dock: bottom; height: 1; width: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self.set_reactive(Widget.auto_links, False)
        self._commands: tuple[Command, ...] = ()

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self.update_keys)
        self.update_keys(self.screen)

    def render_line(self, y: int) -> Strip:
        return draw_line(self, key_line(self._commands, self.size.width))

    def update_keys(self, screen: Screen[Any]) -> None:
        """Show the keys that work now; none under a dialog, which shows its own."""
        active = screen.active_bindings.values() if screen.is_active else ()
        names = (binding.binding.id for binding in active if binding.enabled)
        found = dict.fromkeys(command for name in names if (command := command_of(name)) and command.rank)
        if tuple(found) != self._commands:
            self._commands = tuple(found)
            self.refresh()


def top_line(place: str, note: str, status: Status, width: int) -> list[Piece]:
    """The pieces of the top line, filling ``width`` exactly: the state has the right, the rest what is left of it."""
    states = _states(status)
    wheres = _wheres(place, safe_text(note))
    for state in states:
        for where in wheres:
            if width_of(where) + width_of(state) + 2 <= width:
                return [*where, Piece(" " * (width - width_of(where) - width_of(state))), *state]
    return _cut(wheres[-1], width)


def key_line(commands: Sequence[Command], width: int) -> list[Piece]:
    """The pieces of the key line: as many commands as fit, chosen by rank, in the order given."""
    kept: list[Command] = []
    room = width - 1
    for command in sorted(commands, key=lambda command: command.rank):
        needed = width_of(_hint(command)) + 2
        if needed <= room + 1:
            room -= needed
            kept.append(command)
    pieces = [Piece(" ")]
    for command in commands:
        if command in kept:
            pieces += [*_hint(command), Piece("  ")]
    return pieces


def _hint(command: Command) -> list[Piece]:
    return [
        Piece(key_sign(command.keys[0]), Role.ACCENT, command.action),
        Piece(f" {command.title}", Role.MUTED, command.action),
    ]


def _wheres(place: str, note: str) -> list[list[Piece]]:
    """Ways to say where we are, from the most telling to the shortest."""
    here = place_of(place)
    name = Piece(" PANDORA", Role.STRONG)
    crumb = [name, Piece(f" {glyphs().crumb} ", Role.FAINT), Piece(here.title, Role.ACCENT)]
    noted = [Piece(f"  {note}", Role.MUTED)] if note else []
    tabs, tight_tabs, short_tabs = (
        [name, *(piece for other in PLACES for piece in _tab(other.name, here.name, gap, is_short=is_short))]
        for gap, is_short in (("  ", False), (" ", False), ("  ", True))
    )
    if note:
        cut = [
            [*crumb, Piece(f"  {fit(note, size)}", Role.MUTED)] for size in (40, 30, 20) if size < cell_width(note)
        ]
        return [[*tabs, *noted], [*crumb, *noted], *cut, crumb]
    return [tabs, tight_tabs, tight_tabs[1:], short_tabs, crumb]


def _tab(name: str, here: str, gap: str, *, is_short: bool) -> Iterable[Piece]:
    place = place_of(name)
    action = f"app.go({name!r})"
    if name == here:
        return (Piece(f"{gap}{place.key} ", Role.ACCENT, action), Piece(place.title, Role.ACCENT, action))
    key = Piece(f"{gap}{place.key}", Role.FAINT, action)
    return (key,) if is_short else (key, Piece(f" {place.title}", Role.MUTED, action))


def _states(status: Status) -> list[list[Piece]]:
    """Ways to tell the state, from the fullest to the shortest; a problem stands before everything else."""
    engine = _engine(status.engine)
    lag = _lag(status)
    vault = [Piece(f"  {status.vault.value}", Role.GOOD if status.vault is VaultState.OPEN else Role.MUTED)]
    end = [Piece(" ")]
    if not status.problem:
        return [[*engine, *lag, *vault, *end], [*engine, *lag, *end], [*engine, *end]]
    mark = f"{glyphs().problem} "
    problem = safe_text(status.problem)
    return [[Piece(mark + fit(problem, size).rstrip(), Role.BAD), *end] for size in (60, 40, 24, 12)]


def _engine(state: EngineState) -> list[Piece]:
    marks = glyphs()
    glyph, role = {
        EngineState.LIVE: (marks.live, Role.GOOD),
        EngineState.STARTING: (marks.stopped, Role.MUTED),
        EngineState.STOPPED: (marks.problem, Role.WARN),
    }[state]
    return [Piece(glyph, role), Piece(f" {state.value}", role)]


def _lag(status: Status) -> list[Piece]:
    if status.lag_s is None:
        return []
    return [Piece(f"  lag {duration_text(status.lag_s)}", Role.WARN if status.lag_s >= SLOW_LAG_S else Role.MUTED)]


def _cut(pieces: Iterable[Piece], width: int) -> list[Piece]:
    kept: list[Piece] = []
    for piece in pieces:
        room = width - width_of(kept)
        kept.append(piece if cell_width(piece.text) <= room else piece._replace(text=fit(piece.text, room)))
    return kept
