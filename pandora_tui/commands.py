"""Owns every key and command: bindings, the key line, help, the palette and ``:`` all read this one table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from textual.binding import Binding, BindingType

EVERYWHERE = "everywhere"
TABLE = "lists"
DIALOG = "dialogs"


class Place(NamedTuple):
    """One of the nine screens: ``key`` goes there, ``screen`` is imported on the first visit."""

    key: str
    name: str
    title: str
    screen: str
    help: str


PLACES = (
    Place("1", "overview", "Overview", "overview:OverviewScreen", "Who is at risk now, and how the last hour went"),
    Place("2", "threats", "Threats", "threats:ThreatsScreen", "Alerts by risk, their reasons, and triage"),
    Place("3", "jobs", "Jobs", "jobs:JobsScreen", "Quantum jobs beside the classical figure"),
    Place("4", "network", "Network", "network:NetworkScreen", "The host graph and the likely next move"),
    Place("5", "vault", "Vault", "vault:VaultScreen", "Credentials, evidence and the signed audit trail"),
    Place("6", "posture", "Posture", "posture:PostureScreen", "Sessions that a quantum computer could read later"),
    Place("7", "cases", "Cases", "cases:CasesScreen", "What belongs together, as a story in order of time"),
    Place("8", "models", "Models", "models:ModelsScreen", "Trained models, their figures and their drift"),
    Place("9", "system", "System", "system:SystemScreen", "Sources, lag, engine, worker, store and schedule"),
)


@dataclass(frozen=True, slots=True)
class Command:
    """Something an operator can do.

    ``name`` is typed after ``:``, ``title`` stands on the key line, ``help`` is one line of the help screen.
    ``where`` has EVERYWHERE, TABLE, DIALOG or names of places. ``action`` is a Textual action (``app.quit``).
    ``rank`` orders the key line: 1 stays longest when room is short, 0 is never shown there. ``argument`` names what
    may be typed after the name, ``values`` are all that it can be; it becomes the action's only parameter, which a
    key leaves out.
    """

    name: str
    keys: tuple[str, ...]
    title: str
    help: str
    where: tuple[str, ...]
    action: str
    rank: int = 0
    argument: str = ""
    values: tuple[str, ...] = ()

    @property
    def is_typed(self) -> bool:
        """Whether it makes sense after ``:`` and in the palette: moving a cursor does not."""
        return not {TABLE, DIALOG} & set(self.where)


THEME_NAMES = ("dark", "light", "ansi")
VERDICT_NAMES = ("true-positive", "false-positive", "benign")
SORT_NAMES = ("risk", "newest", "entity", "state")
ALERT = ("threats", "alert")
VAULT = ("vault",)
NETWORK = ("network",)
NODE_MODES = ("hosts", "users", "services", "all")
OVERLAYS = ("alert", "incident", "job", "events", "audit", "slots")

COMMANDS: tuple[Command, ...] = (
    *(
        Command(place.name, (place.key,), place.title, place.help, (EVERYWHERE,), f"app.go({place.name!r})")
        for place in PLACES
    ),
    Command("open", ("enter",), "open", "Open the row under the cursor", (TABLE,), "select", rank=2),
    Command("up", ("up", "k"), "up", "One row up", (TABLE,), "move(-1)"),
    Command("down", ("down", "j"), "down", "One row down", (TABLE,), "move(1)"),
    Command("page up", ("pageup", "ctrl+u"), "page up", "One page up", (TABLE,), "page(-1)"),
    Command("page down", ("pagedown", "ctrl+d"), "page down", "One page down", (TABLE,), "page(1)"),
    Command("first", ("home", "g"), "first", "To the first row", (TABLE,), "first"),
    Command("last", ("end", "G"), "last", "To the last row; a live list follows", (TABLE,), "last"),
    Command("command", ("colon",), "command", "Type a command", (EVERYWHERE,), "app.command_line", rank=3),
    Command("help", ("question_mark", "f1"), "help", "Every key and command", (EVERYWHERE,), "app.help", rank=1),
    Command("palette", ("ctrl+p",), "palette", "Find a command", (EVERYWHERE,), "app.palette", rank=5),
    Command("theme", (), "theme", "Change the colours", (EVERYWHERE,), "app.use_theme", 0, "NAME", THEME_NAMES),
    Command("redraw", ("ctrl+l",), "redraw", "Draw the screen again", (EVERYWHERE,), "app.redraw"),
    Command("quit", ("q",), "quit", "Leave; the engine goes on", (EVERYWHERE,), "app.quit", rank=2),
    Command("cancel", ("escape",), "cancel", "Close the dialog and change nothing", (DIALOG,), "cancel"),
    Command("acknowledge", ("a",), "ack", "Say that you take care of the alert", ALERT, "screen.acknowledge", rank=2),
    Command("assign", ("s",), "assign", "Give the alert to somebody", ALERT, "screen.assign", 5, "WHO"),
    Command("verdict", ("v",), "verdict", "Say what it is", ALERT, "screen.verdict", 3, "VERDICT", VERDICT_NAMES),
    Command("note", ("n",), "note", "Write something down", ALERT, "screen.note", 4, "TEXT"),
    Command("close", ("c",), "close", "Close the alert, and why if you like", ALERT, "screen.close_alert", 3, "WHY"),
    Command("undo", ("u",), "undo", "Undo your last action on the alert", ALERT, "screen.undo", rank=4),
    Command(
        "suppress", ("X",), "suppress", "Hear of this no more, for some days and a reason", ALERT, "screen.suppress"
    ),
    Command("reopen", ("R",), "reopen", "Open a closed alert again", ALERT, "screen.reopen"),
    Command("seal", ("e",), "seal evidence", "Keep the alert's lines in the vault", ALERT, "screen.seal", rank=8),
    Command("pivot", ("p",), "pivot", "Search the events around it", (*ALERT, "incident"), "screen.pivot", rank=6),
    Command("alerts", ("a",), "alerts", "Open one of the incident's alerts", ("incident",), "screen.alerts", rank=2),
    Command("graph", ("g",), "graph", "Show the entity in the network", ("threats",), "screen.graph", rank=8),
    Command("filter", ("slash",), "filter", "Choose what is listed", ("threats",), "screen.filter", 3, "TERMS"),
    Command("sort", ("o",), "sort", "Order the list", ("threats",), "screen.sort", 7, "BY", SORT_NAMES),
    Command("search", ("slash",), "search", "Search other events", ("events",), "screen.search", rank=2),
    Command("back", ("escape",), "back", "Back to the list", OVERLAYS, "screen.back", rank=1),
    Command("next move", ("tab",), "next move", "Go to the next ranked move", NETWORK, "screen.next_move", rank=2),
    Command("locate", ("slash",), "find", "Find a host, user or service", NETWORK, "screen.locate", 3, "HOST"),
    Command("only", ("f",), "only", "Only an account, a kind or a service", NETWORK, "screen.only", 7, "WORDS"),
    Command("nodes", ("n",), "nodes", "Users, services as nodes", NETWORK, "screen.nodes", 8, "WHICH", NODE_MODES),
    Command("ties", ("i",), "ties", "What joins the host, user or service to others", NETWORK, "screen.ties", rank=7),
    Command("walk", ("w",), "walk", "One step of the walks from the host", NETWORK, "screen.walk_step", rank=3),
    Command("play", ("W",), "play", "Let the walks go on by themselves", NETWORK, "screen.walk_play", rank=7),
    Command("pause", ("space",), "pause", "Hold the walks", NETWORK, "screen.walk_pause", rank=8),
    Command("blast", ("b",), "blast radius", "What is lost if the host falls", NETWORK, "screen.blast", rank=4),
    Command("paths", ("p",), "paths", "Ways from the host to what must not fall", NETWORK, "screen.paths", rank=5),
    Command("circuit", ("c",), "circuit", "The walk as a quantum job", NETWORK, "screen.circuit", 8, "BACKEND"),
    Command("contain", ("k",), "contain", "What to cut if the host fell", NETWORK, "screen.contain", rank=4),
    Command("checklist", ("e",), "checklist", "Write the plan to a file", NETWORK, "screen.checklist", 9, "PATH"),
    Command("earlier", ("t",), "earlier", "The graph a day earlier", NETWORK, "screen.time(-1)", rank=5),
    Command("later", ("T",), "later", "The graph a day later, until now", NETWORK, "screen.time(1)", rank=8),
    Command("when", (), "when", "The graph as it was at a time", NETWORK, "screen.when", 0, "TIME"),
    Command("zoom in", ("plus", "equals_sign"), "nearer", "Nearer", NETWORK, "screen.zoom(1)", rank=6),
    Command("zoom out", ("minus",), "farther", "Farther", NETWORK, "screen.zoom(-1)", rank=6),
    Command("whole", ("0",), "whole", "The whole graph", NETWORK, "screen.whole", rank=9),
    Command("pan left", ("left", "h"), "left", "Look further left", NETWORK, "screen.pan(-1, 0)"),
    Command("pan right", ("right", "l"), "right", "Look further right", NETWORK, "screen.pan(1, 0)"),
    Command("pan up", ("up",), "up", "Look further up", NETWORK, "screen.pan(0, -1)"),
    Command("pan down", ("down",), "down", "Look further down", NETWORK, "screen.pan(0, 1)"),
    Command("clear", ("escape",), "clear", "Back to the ranked moves", NETWORK, "screen.clear", rank=6),
    Command("create", ("i",), "make a vault", "Make a vault with a passphrase", VAULT, "screen.create", rank=8),
    Command("unlock", ("u",), "unlock", "Unlock the vault with its passphrase", VAULT, "screen.unlock", rank=2),
    Command("key file", ("K",), "key file", "Unlock it with a key file", VAULT, "screen.unlock_with_file", 8, "PATH"),
    Command("lock", ("L",), "lock", "Lock the vault; leases stay", VAULT, "screen.lock", rank=3),
    Command(
        "reveal", ("space",), "reveal", "Show the entry's values for ten seconds", VAULT, "screen.reveal", rank=2
    ),
    Command("copy", ("y",), "copy", "Copy the entry's secret for 15 seconds", VAULT, "screen.copy", rank=2),
    Command("code", ("T",), "code", "Show one-time codes of the entry", VAULT, "screen.code", rank=4),
    Command("find", ("slash",), "find", "Find an entry by some of its letters", VAULT, "screen.find", rank=3),
    Command("new", ("n",), "new", "Add an entry", VAULT, "screen.new", rank=4),
    Command("edit", ("e",), "edit", "Change name, tags and note of the entry", VAULT, "screen.edit", rank=5),
    Command("rotate", ("R",), "rotate", "Give the entry's secret a new value", VAULT, "screen.rotate", rank=5),
    Command("history", ("h",), "history", "The versions of the entry", VAULT, "screen.history", rank=6),
    Command("remove", ("x",), "remove", "Take the entry away", VAULT, "screen.remove", rank=8),
    Command("audit", ("A",), "audit", "The audit trail, verified", VAULT, "screen.audit", rank=6),
    Command(
        "slots", ("W",), "ways in", "The ways into the vault, and its public keys", VAULT, "screen.slots", rank=8
    ),
    Command("add way", ("n",), "new passphrase", "Add a way in by passphrase", ("slots",), "screen.add_slot", rank=2),
    Command("close way", ("x",), "close one", "Close one of the ways in", ("slots",), "screen.remove_slot", rank=3),
    Command("submit", ("s",), "submit", "Put a job into the queue", ("jobs",), "screen.submit", rank=3),
    Command("cancel job", ("x",), "cancel", "Cancel the job", ("jobs",), "screen.cancel_job", rank=3),
    Command("rerun", ("r",), "run again", "Run a finished job anew", ("jobs",), "screen.rerun", 4, "BACKEND"),
    Command("jobs filter", ("slash",), "filter", "Choose what is listed", ("jobs",), "screen.filter", 4, "TERMS"),
    Command(
        "next page", ("tab", "right"), "next page", "Turn to the next page", ("models",), "screen.page(1)", rank=2
    ),
    Command("page before", ("shift+tab", "left"), "page before", "Turn a page back", ("models",), "screen.page(-1)"),
    Command("train", ("t",), "train", "Train a model on labelled data", ("models",), "screen.train", rank=3),
    Command("evaluate", ("e",), "judge", "Judge the model on labelled data", ("models",), "screen.evaluate", rank=3),
    Command(
        "compare", ("c",), "compare", "Compare two models on the same rows", ("models",), "screen.compare", rank=4
    ),
    Command("promote", ("p",), "promote", "Make the model the live one", ("models",), "screen.promote", rank=3),
    Command("roll back", ("R",), "roll back", "Go back to the model before", ("models",), "screen.rollback", rank=6),
    Command("importance", ("i",), "needs", "Which columns the model needs", ("models",), "screen.importance", rank=5),
    Command(
        "learning", ("l",), "learning", "What more rows would bring", ("models",), "screen.learning_curve", rank=6
    ),
    Command("stop work", ("x",), "stop", "End the work under way", ("models",), "screen.cancel_work", rank=5),
    Command("start", ("S",), "start engine", "Start the engine, if none runs", ("system",), "screen.start", rank=3),
)

_PLACE_BY_NAME = {place.name: place for place in PLACES}
_BY_NAME = {command.name: command for command in COMMANDS}

_KEY_SIGNS = {
    "colon": ":",
    "question_mark": "?",
    "slash": "/",
    "space": "space",
    "plus": "+",
    "equals_sign": "=",
    "minus": "-",
    "escape": "esc",
    "pageup": "pgup",
    "pagedown": "pgdn",
}


def place_of(name: str) -> Place:
    """The place called ``name``; an unknown one raises ``KeyError``."""
    return _PLACE_BY_NAME[name]


def command_of(name: str | None) -> Command | None:
    """The command called ``name``."""
    return _BY_NAME.get(name or "")


def bindings(where: str) -> list[BindingType]:
    """What Textual is to bind for the commands of ``where``; a binding's id is the command's name."""
    return [_binding(command) for command in COMMANDS if where in command.where and command.keys]


def typed_commands(places: Iterable[str]) -> Iterator[Command]:
    """The commands that can be typed at these places: theirs and those that work everywhere."""
    wanted = {EVERYWHERE, *places}
    return (command for command in COMMANDS if command.is_typed and not wanted.isdisjoint(command.where))


def key_sign(key: str) -> str:
    """A key as a person reads it: ``colon`` is ``:``, ``ctrl+p`` stays."""
    return _KEY_SIGNS.get(key, key)


class Typed(NamedTuple):
    """A command line taken apart: the command (``None`` when there is no such) and its argument, perhaps empty."""

    command: Command | None
    argument: str


def parse(line: str, commands: Iterable[Command]) -> Typed:
    """Find the command that ``line`` asks for: by its whole name, else by the one name that starts like it."""
    words = line.strip()
    known = sorted(commands, key=lambda command: -len(command.name))
    for command in known:
        if f"{words} ".lower().startswith(command.name + " "):
            return Typed(command, words[len(command.name) :].strip())
    name, _, argument = words.partition(" ")
    starting = [command for command in known if name and command.name.startswith(name.lower())]
    return Typed(starting[0], argument.strip()) if len(starting) == 1 else Typed(None, "")


def completions(line: str, commands: Iterable[Command]) -> list[str]:
    """What ``line`` could become, best first: command names, then the values of a command that takes some."""
    known = list(commands)
    words = line.lstrip().lower()
    for command in known:
        prefix = command.name + " "
        if command.values and words.startswith(prefix):
            return [prefix + value for value in command.values if value.startswith(words[len(prefix) :].strip())]
    starting = [command.name for command in known if command.name.startswith(words)]
    return starting or [command.name for command in known if words in command.name]


def matching(query: str, commands: Iterable[Command]) -> list[Command]:
    """The commands whose name or help has every word of ``query``, those with it in the name first."""
    words = query.lower().split()
    found = [
        command for command in commands if all(word in f"{command.name} {command.help}".lower() for word in words)
    ]
    return sorted(found, key=lambda command: not all(word in command.name for word in words))


def reference() -> str:
    """All keys and commands as the Markdown table of the documentation."""
    lines = ["| where | keys | command | what it does |", "|---|---|---|---|"]
    for command in COMMANDS:
        keys = " ".join(f"`{key_sign(key)}`" for key in command.keys)
        name = f"`:{command.name} {command.argument}".strip() + "`" if command.is_typed else ""
        values = f" ({', '.join(command.values)})" if command.values else ""
        lines.append(f"| {', '.join(command.where)} | {keys} | {name} | {command.help}{values} |")
    return "\n".join(lines) + "\n"


def _binding(command: Command) -> Binding:
    return Binding(",".join(command.keys), command.action, command.title, id=command.name)
