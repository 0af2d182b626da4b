"""Owns what a place says while it has nothing to show: it is being read, there is nothing yet, or no engine runs."""

from __future__ import annotations

from typing import NamedTuple

from pandora_tui.desks.board import Board
from pandora_tui.desks.feed import Feed
from pandora_tui.messages import EngineState, Status
from pandora_tui.screens.base import PandoraScreen
from pandora_tui.widgets.empty import EmptyState, Step

_WATCH = (
    Step("pandora watch PATH", "follow logs as they grow"),
    Step("pandora ingest PATH", "read logs that are complete"),
    Step("pandora demo", "see an attack on a made-up company"),
)
_MEND = (Step("pandora doctor", "see what is wrong and how to mend it"),)
_START = (
    Step("9 S", "start an engine from the System screen"),
    Step("pandora engine run", "run one in another terminal"),
    *_MEND,
)


class Idle(NamedTuple):
    """A title, what it means, and what to do now."""

    title: str
    what: str
    steps: tuple[Step, ...]


_NOTHING_YET = {
    "overview": Idle(
        "Waiting for the first events",
        "Who is at risk, how the last hour went and what moved across the network will stand here as soon as "
        "the engine has read something.",
        _WATCH,
    ),
    "threats": Idle(
        "No alerts",
        "Alerts will stand here, the worst on top: the entity, what happened to it, and each reason with the "
        "log line that shows it.",
        (
            Step("1", "go to the overview"),
            Step("9", "see what is being read"),
            Step("?", "see every key and command"),
        ),
    ),
    "network": Idle(
        "No network to draw yet",
        "Hosts and the log-ons between them will be drawn here, with the moves that an intruder most likely made, "
        "where they may lead, and the cheapest way to cut them off.",
        (Step("9", "see what is being read"), Step("pandora ingest PATH", "read logs with log-ons")),
    ),
    "cases": Idle(
        "No incidents",
        "What belongs together will be told here as one story, in order of time, the one to look at next first.",
        (Step("2", "see the alerts one by one"), Step("9", "see what is being read")),
    ),
    "system": Idle(
        "No logs are read yet",
        "Every file will stand here with how far it was read, what could not be decoded, and how far behind it is.",
        _WATCH,
    ),
}


def say_idle(screen: PandoraScreen) -> None:
    """Have the empty state of a screen say what is the matter."""
    console = screen.console
    saying = idle(screen.PLACE, console.board, console.status, console.feed)
    for state in screen.query(EmptyState):
        state.show(saying.title, saying.what, saying.steps)


def idle(place: str, board: Board, status: Status, feed: Feed | None) -> Idle:
    """What to say in a place that is empty."""
    if feed is not None and not board.is_loaded:
        if status.problem:
            return Idle("The store cannot be read", f"{status.problem}. It is tried again.", _MEND)
        if not feed.is_new:
            return Idle("Reading the store", "What is known will stand here in a moment.", ())
    if feed is not None and status.engine is EngineState.STOPPED:
        why = status.problem or "Nothing new is read while no engine runs. What was read before is kept."
        return Idle("No engine runs", why, _START)
    return _NOTHING_YET[place]
