"""Owns the words that choose alerts: what they mean, what can be written, and what is wrong with them.

``sev>=high state:open tactic:lateral ws-114 "new service" -printer``: terms are separated by spaces and must all
hold; a bare word is looked for in entity, title, users and hosts; ``-`` before a term turns it round.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pandora_core.detect.incidents.triage import ACKNOWLEDGED, CLOSED, NEW
from pandora_core.errors import ConfigError
from pandora_core.model import Severity, Verdict
from pandora_tui.widgets.rows import RowId, Rows

DEFAULT_FILTER = "sev>=medium state:open"
"""What Threats shows at first; the whole of it can be edited."""

Test = Callable[[RowId], bool]
Make = Callable[[Rows], Test]

SEVERITIES: Mapping[str, Severity] = {
    "info": Severity.INFORMATIONAL,
    "low": Severity.LOW,
    "medium": Severity.MEDIUM,
    "high": Severity.HIGH,
    "critical": Severity.CRITICAL,
}
STATES: Mapping[str, tuple[str, ...]] = {
    "open": (NEW, ACKNOWLEDGED),
    "new": (NEW,),
    "ack": (ACKNOWLEDGED,),
    "closed": (CLOSED,),
    "all": (NEW, ACKNOWLEDGED, CLOSED),
}
VERDICTS = {verdict.value.replace(" ", "-"): verdict.value for verdict in Verdict} | {"none": ""}

_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "=": operator.eq,
    ":": operator.eq,
}
_TERM = re.compile(r"(?P<key>[a-z]+)(?P<compare>>=|<=|[><=:])(?P<value>.*)", re.IGNORECASE)
_TOKEN = re.compile(r'(?:[^\s"]|"[^"]*"?)+')
_CONTAINS = {"tactic": "tactics", "technique": "techniques", "entity": "entity", "who": "who", "title": "title"}
KEYS = ("sev", "state", "risk", "entity", "tactic", "technique", "title", "who", "assignee", "verdict")
"""What can stand before ``:``, in the order in which completion offers it."""

_ALIASES = {"severity": "sev", "host": "who", "user": "who", "assigned": "assignee"}


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """A filter as it was written, ready to be used on the rows of :data:`pandora_tui.desks.board.ALERT_FIELDS`."""

    text: str
    makes: tuple[Make, ...]

    def on(self, rows: Rows) -> Test:
        """The test of a row's id; an alert that is gone never passes."""
        state = rows.getter("state")
        tests = [make(rows) for make in self.makes]
        return lambda row_id: state(row_id) != "" and all(test(row_id) for test in tests)


def parse_filter(text: str) -> AlertFilter:
    """Read a filter.

    Raises:
        ConfigError: a term makes no sense; it says which and what could be written instead.
    """
    return AlertFilter(text.strip(), tuple(_term(token) for token in _TOKEN.findall(text)))


def complete_filter(text: str, words: Mapping[str, Iterable[str]]) -> list[str]:
    """What ``text`` could become by completing its last term, best first.

    ``words`` gives known values by key (``entity``, ``tactic`` …) beside those that never change.
    """
    start = text.rfind(" ") + 1
    head, last = text[:start], text[start:]
    sign = "-" if last.startswith("-") else ""
    body = last.removeprefix("-")
    if not body:
        return []
    term = _TERM.fullmatch(body)
    if term is None:
        return [f"{head}{sign}{key}{'>=' if key in ('sev', 'risk') else ':'}" for key in KEYS if key.startswith(body)]
    key, compare, value = term["key"].lower(), term["compare"], term["value"].lower().strip('"')
    key = _ALIASES.get(key, key)
    known = [*_FIXED.get(key, ()), *words.get(key, ())]
    fitting = [word for word in known if word.lower().startswith(value) and word.lower() != value]
    return [f"{head}{sign}{key}{compare}{_quoted(word)}" for word in fitting]


_FIXED: Mapping[str, Sequence[str]] = {
    "sev": tuple(reversed(list(SEVERITIES))),
    "state": tuple(STATES),
    "verdict": tuple(VERDICTS),
    "assignee": ("none",),
}


def _term(token: str) -> Make:
    if token.startswith("-") and len(token) > 1:
        make = _term(token[1:])
        return lambda rows: _not(make(rows))
    term = _TERM.fullmatch(token)
    if term is None:
        return _word(_unquoted(token))
    key, compare, value = _key(term["key"]), term["compare"], _unquoted(term["value"])
    if not value:
        raise ConfigError(f"{key}{compare} wants a value", hint=_advice(key))
    if key == "sev":
        return _compared("severity", compare, int(_choice(key, value, SEVERITIES)))
    if key == "risk":
        return _compared("risk", compare, _number(value))
    if compare not in (":", "="):
        raise ConfigError(f"{key} cannot be compared with {compare}", hint=f"write {key}:{value}")
    return _equal(key, value)


def _key(word: str) -> str:
    key = _ALIASES.get(word.lower(), word.lower())
    if key not in KEYS:
        raise ConfigError(f"nothing is called {word}:", hint=f"known: {', '.join(KEYS)}; quote it to look for it")
    return key


def _equal(key: str, value: str) -> Make:
    if key == "state":
        return _one_of("state", _choice(key, value, STATES))
    if key == "verdict":
        return _one_of("verdict", (_choice(key, value, VERDICTS),))
    if key == "assignee":
        return _one_of("assignee", ("" if value == "none" else value,))
    return _contains(_CONTAINS[key], value)


def _word(word: str) -> Make:
    sought = word.lower()

    def make(rows: Rows) -> Test:
        entity, title, who = rows.getter("entity"), rows.getter("title"), rows.getter("who")
        return lambda i: sought in who(i) or sought in entity(i).lower() or sought in title(i).lower()

    return make


def _contains(field: str, value: str) -> Make:
    sought = value.lower()

    def make(rows: Rows) -> Test:
        get = rows.getter(field)
        return lambda row_id: sought in get(row_id).lower()

    return make


def _compared(field: str, compare: str, value: float) -> Make:
    is_so = _COMPARE[compare]

    def make(rows: Rows) -> Test:
        get = rows.getter(field)
        return lambda row_id: is_so(get(row_id), value)

    return make


def _one_of(field: str, values: tuple[str, ...]) -> Make:
    def make(rows: Rows) -> Test:
        get = rows.getter(field)
        return lambda row_id: get(row_id) in values

    return make


def _not(test: Test) -> Test:
    return lambda row_id: not test(row_id)


def _choice(key: str, value: str, choices: Mapping[str, Any]) -> Any:
    """The choice that ``value`` names or, if only one does, begins."""
    sought = value.lower()
    starting = [name for name in choices if name.startswith(sought)]
    if sought in choices:
        return choices[sought]
    if len(starting) == 1:
        return choices[starting[0]]
    raise ConfigError(f"{key}:{value} is not one of {', '.join(choices)}")


def _number(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise ConfigError(f"risk wants a number from 0 to 100, not {value!r}") from None


def _advice(key: str) -> str:
    values = _FIXED.get(key)
    return f"one of {', '.join(values)}" if values else ""


def _quoted(word: str) -> str:
    return f'"{word}"' if " " in word else word


def _unquoted(text: str) -> str:
    return text.replace('"', "")
