"""Owns what speaks for a move being an intruder's: parts, each in bits and in words.

A part of *b* bits says that, judged by what came before, one such move in 2^b is like this one by chance. A chance is
estimated as (seen + ½) / (possible + 1), so that without history a part is worth about one bit, and certainty grows
only with what was watched. Parts overlap: their sum orders moves, and is no probability before it is calibrated on
the history (:mod:`pandora_core.graph.ranking`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from pandora_core.detect.words import amount
from pandora_core.graph.history import OTHERS_MACHINE, History, Move, is_control
from pandora_core.graph.reading import CONTROL
from pandora_core.model import DAY_US, HOUR_US

MAX_BITS = 10.0
"""The most that one part can say."""

RARE_RIGHTS, RARE_CONTROL = 8, 16
"""Without history one move in eight is taken to have administrator rights, and one in sixteen to control a host."""

OVERLAP = 0.5
"""What is counted of parts that say nearly the same: targets that few use are such that peers do not use."""

CONTROLLER_BITS = -2.0
"""Everybody's machine logs on to a domain controller with its user's account, for policies."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one kind of evidence says of a move."""

    name: str
    bits: float
    words: str


def parts_of(history: History, move: Move) -> tuple[Part, ...]:
    """All parts that say something, the strongest first."""
    day = move.day
    found = [part for part in (judge(history, move, day) for judge in _JUDGES) if part is not None and part.bits]
    return tuple(sorted(found, key=lambda part: (-part.bits, part.name)))


def surprise(seen: float, possible: float) -> float:
    """Bits of something that happened in ``seen`` of ``possible`` cases."""
    return round(min(max(-math.log2((seen + 0.5) / (possible + 1)), 0.0), MAX_BITS), 2)


def _path(history: History, move: Move, day: int) -> Part | None:
    """A way between two hosts that is new, by how often the source takes new ways and the target sees new sources."""
    if history.targets_of.met(move.source, move.target, day) or not history.has_days_before(day):
        return None
    targets, hours = history.targets_of.others(move.source, day), history.targets_of.hours(move.source, day)
    sources, met = history.sources_of.others(move.target, day), history.sources_of.hours(move.target, day)
    watched = history.days_watched(move.source, day), history.days_watched(move.target, day)
    bits = (surprise(targets, hours + watched[0]) + surprise(sources, met + watched[1])) / 2
    if hours:
        reached = f"{amount(targets, 'host')} in {amount(hours, 'hour')}"
        words = f"{move.source} had logged on to {reached}, never to {move.target}"
    else:
        words = f"{move.source} was not seen to log on anywhere before that day"
    return Part("new path", round(bits, 2), words)


def _account(history: History, move: Move, day: int) -> Part | None:
    """An account on a host where it never was, by how often it goes to new hosts."""
    if history.targets_by.met(move.user, move.target, day) or not history.has_days_before(day):
        return None
    targets, hours = history.targets_by.others(move.user, day), history.targets_by.hours(move.user, day)
    if not hours:
        return Part(
            "new account", surprise(0, 0), f"{_user(move)} was not seen to log on from elsewhere before that day"
        )
    words = f"{_user(move)} had used {amount(targets, 'host')} in {amount(hours, 'hour')}, never {move.target}"
    return Part("new for the account", surprise(targets, hours), words)


def _credentials(history: History, move: Move, day: int) -> Part | None:
    """An account that was never used at the source: the credentials changed there."""
    if history.users_at.met(move.source, move.user, day):
        return None
    users, hours = history.users_at.others(move.source, day), history.users_at.hours(move.source, day)
    hosts, busy = history.hosts_by.others(move.user, day), history.hosts_by.hours(move.user, day)
    if not users and not hosts:
        return None
    watched = history.days_watched(move.source, day)
    bits = 0.75 * (surprise(users, hours + watched) + surprise(hosts, busy))
    words = f"{_user(move)} had never been used at {move.source}, where {amount(users, 'account')} had"
    return Part("credentials", round(bits, 2), words)


def _taken(history: History, move: Move, day: int) -> Part | None:
    """Other credentials were taken at the source (runas, 4648, log-on type 9) for this account."""
    taken_us = history.credentials.get((move.source, move.user))
    if taken_us is None or taken_us // DAY_US > day:
        return None
    return Part("explicit credentials", 2.0, f"credentials of {_user(move)} were typed in or taken at {move.source}")


def _second(history: History, move: Move, day: int) -> Part | None:
    """Several accounts within an hour along a way that is new: somebody tries what was found."""
    if history.targets_of.met(move.source, move.target, day):
        return None
    near = {u for at_us, u in history.first_uses[move.source, move.target] if abs(at_us - move.first_us) <= HOUR_US}
    if len(near) < 2:
        return None
    users = history.users_at.others(move.source, day)
    words = f"{amount(len(near), 'account')} from {move.source} to {move.target} within the hour"
    return Part("several accounts", surprise(users, users), words)


def _strange(history: History, move: Move, day: int) -> Part | None:
    """A machine account that is used at another machine: it was taken, or is relayed."""
    if OTHERS_MACHINE not in move.kinds:
        return None
    ways = history.ways_by.others(move.user, day)
    return Part(
        "machine account", surprise(ways, ways + 31), f"{move.user} logged on from {move.source}, another machine"
    )


def _peers(history: History, move: Move, day: int) -> Part | None:
    """An account that goes where none of those goes that work as it does."""
    if history.targets_by.met(move.user, move.target, day):
        return None
    peers = history.peers(move.user, day)
    if not peers:
        return None
    there = sum(history.targets_by.met(peer, move.target, day) for peer in peers)
    words = f"{there} of {amount(len(peers), 'account')} that use the same hosts as {_user(move)} use {move.target}"
    return Part("peers", _overlapping(surprise(there, len(peers))), words)


def _rarity(history: History, move: Move, day: int) -> Part | None:
    """A target that few log on to."""
    sources, hosts = history.visits.others_by(move.target, day), history.hosts_by_day(day)
    words = f"{amount(sources, 'host')} of {hosts} ever logged on to {move.target}"
    return Part("rarity", _overlapping(surprise(max(sources, 1), hosts)), words)


def _rights(history: History, move: Move, day: int) -> Part | None:
    if not move.is_elevated:
        return None
    having, ways = history.rights_by.others(move.user, day), history.ways_by.others(move.user, day)
    if not history.has_days_before(day):  # the account's other ways of the first day stand in for what is not known
        having, ways = (tally.others_by(move.user, day) - 1 for tally in (history.rights_by, history.ways_by))
    bits = surprise(having + 0.5, ways + RARE_RIGHTS - 1)
    return Part("administrator rights", bits, f"{_user(move)} had administrator rights on {move.target}")


def _control(history: History, move: Move, day: int) -> Part | None:
    others_did = not move.is_elevated and history.has_rights_on(move.target, day)
    if not is_control(move) and (not move.actions or others_did):
        return None
    having, ways = history.actions_by.others(move.user, day), history.ways_by.others(move.user, day)
    what = [kind for kind in move.kinds if kind in CONTROL]
    said = ", ".join((*(f"{kind} used" for kind in what), *move.actions))
    return Part("control", surprise(having + 0.5, ways + RARE_CONTROL - 1), f"on {move.target} at that time: {said}")


def _controller(history: History, move: Move, day: int) -> Part | None:
    if move.target not in history.moment.controllers:
        return None
    return Part(
        "domain controller", CONTROLLER_BITS, f"{move.target} is a domain controller, which everybody logs on to"
    )


def _overlapping(bits: float) -> float:
    return round(OVERLAP * bits, 2)


def _user(move: Move) -> str:
    return move.user or "an account that the log does not name"


_JUDGES = (_path, _account, _credentials, _taken, _second, _strange, _peers, _rarity, _rights, _control, _controller)
