"""Owns how a program's message becomes an event: a table of what the program says and what each saying means.

The named groups of a pattern fill fields of the event: ``user``, ``peer`` and ``port`` (the other side), ``domain``
(its name), ``here`` and ``here_port`` (this side), ``unknown`` (set where the log says that there is no such user),
and those of :data:`_KEPT`.

Some text in a message is chosen by an attacker (a user name, above all). A pattern is therefore written so that the
genuine end of the message wins: a greedy ``.*`` before the address where the hostile text stands left of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from pandora_core.ingest.address import canonical_ip
from pandora_core.ingest.format import MAX_FIELD_CHARS, clean
from pandora_core.ingest.formats.syslog import Frame
from pandora_core.model import Event

MAX_MESSAGE_CHARS = 8_192
"""A longer message is kept (cut), not read: sshd and sudo cut theirs at 1 KiB. It also bounds the matching."""

_KEPT = {
    "method": "authentication.method",
    "by": "user.by.name",
    "target": "user.target.name",
    "uid": "user.target.id",
    "group": "group.name",
    "command": "process.command_line",
}
"""Groups that go to ``Event.more`` and the name they get there; ``user.by.name`` is who became ``user``."""


class Meaning(NamedTuple):
    """What a saying means; ``is_known`` is False where the saying itself tells that there is no such user."""

    category: str | None
    action: str
    outcome: str | None = None
    is_known: bool | None = None


class Saying(NamedTuple):
    """A pattern, what it means, and which of its groups are kept under which name."""

    pattern: re.Pattern[str]
    meaning: Meaning
    kept: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, pattern: str, meaning: Meaning) -> Saying:
        compiled = re.compile(pattern, re.ASCII | re.DOTALL)
        return cls(compiled, meaning, tuple(item for item in _KEPT.items() if item[0] in compiled.groupindex))


class Dialect:
    """What one program says. Each pattern begins with a literal word, so that few are tried on a message."""

    def __init__(
        self, dataset: str, sayings: Mapping[Meaning, Iterable[str]], *, protocol: str | None = None
    ) -> None:
        self._dataset = dataset
        self._protocol = protocol
        self._by_first_word: dict[str, list[Saying]] = {}
        for meaning, patterns in sayings.items():
            for pattern in patterns:
                first_word = pattern.partition(" ")[0].replace("\\", "")
                self._by_first_word.setdefault(first_word, []).append(Saying.of(pattern, meaning))

    def event(self, frame: Frame, text: str) -> Event:
        """The event of a message, of which ``text`` is the part to look at; what no saying fits is kept as it is."""
        for saying in self._by_first_word.get(text.partition(" ")[0], ()):
            if found := saying.pattern.fullmatch(text):
                return self.meant(frame, saying, found)
        return self.plain(frame)

    def plain(self, frame: Frame) -> Event:
        """An event that tells no more than its message."""
        return Event(
            at_us=frame.at_us,
            dataset=self._dataset,
            host=frame.host,
            protocol=self._protocol,
            message=cut(frame.message),
            more=frame.more,
        )

    def meant(self, frame: Frame, saying: Saying, found: re.Match[str]) -> Event:
        """The event of a message that a saying fits."""
        said = found.groupdict()
        meaning, more = saying.meaning, frame.more
        user = said.get("user") or None
        source_ip, source_domain = peer_of(said.get("peer"))
        for group, name in saying.kept:
            if said[group]:
                more[name] = said[group]
        if "unknown" in said and (user or said["unknown"]):
            more["user.known"] = not said["unknown"]
        if meaning.is_known is not None:
            more["user.known"] = meaning.is_known
        return Event(
            at_us=frame.at_us,
            dataset=self._dataset,
            category=meaning.category,
            action=meaning.action,
            outcome=meaning.outcome,
            host=frame.host,
            user=user,
            source_ip=source_ip,
            source_port=port_of(said.get("port")),
            source_domain=said.get("domain") or source_domain,
            destination_ip=peer_of(said.get("here"))[0],
            destination_port=port_of(said.get("here_port")),
            protocol=self._protocol,
            message=cut(frame.message),
            more=more,
        )


def peer_of(text: str | None) -> tuple[str | None, str | None]:
    """The address, or else the name, of the other side; sshd writes ``UNKNOWN`` where it has neither."""
    if not text or text == "UNKNOWN":
        return None, None
    ip = canonical_ip(text)
    return (ip, None) if ip else (None, text)


def port_of(text: str | None) -> int | None:
    """A port number (at most five digits come in), or ``None`` where there is none or it is out of range."""
    port = int(text) if text else 0
    return port if 0 < port < 65_536 else None


def cut(message: str) -> str:
    """A message short enough to keep; its hostile characters went with the line's."""
    return message if len(message) <= MAX_FIELD_CHARS else clean(message)
