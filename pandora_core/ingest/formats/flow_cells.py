"""Owns what one cell of a flow table says: times, counts, ports, protocols and whether the flow was answered."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

from pandora_core.model import EPOCH, SECOND_US, Scalar, from_iso

# IANA protocol numbers that logs meet (others stay numbers) and other spellings of a name.
_PROTOCOLS = {
    "1": "icmp", "2": "igmp", "4": "ipip", "6": "tcp", "17": "udp", "33": "dccp", "41": "ipv6", "46": "rsvp",
    "47": "gre", "50": "esp", "51": "ah", "58": "ipv6-icmp", "88": "eigrp", "89": "ospf", "103": "pim",
    "112": "vrrp", "115": "l2tp", "132": "sctp", "136": "udplite",
    "icmp6": "ipv6-icmp", "icmpv6": "ipv6-icmp", "-": "",
}  # fmt: skip

# States of Argus (ra(1)) and of Zeek (conn_state). Any other leaves the question open, but for an echo request, which
# the counters answer.
_ANSWERED = frozenset({"CON", "EST", "ACC", "FIN", "CLO", "RSP", "ECR", "SF", "S1", "S2", "S3", "RSTO", "RSTR"})
_UNANSWERED = frozenset({"INT", "REQ", "S0", "REJ", "RSTOS0", "SH"})
_COUNTERS_TELL = frozenset({"", "-", "ECO"})

# Only of these is an answer expected at all.
_CONVERSING = frozenset({"tcp", "udp", "sctp", "dccp", "icmp", "ipv6-icmp", "arp"})

_TOO_LARGE = 1 << 63
_FLAG_LETTERS = "FSRPAUEC"  # bits 0 to 7 of the TCP flags, RFC 9293 §3.1
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,17})(?:\.\d{1,17})?(?:[eE][+-]?\d\d?)?", re.ASCII)
_EPOCH = re.compile(r"(\d{1,19})(?:\.(\d{1,9}))?", re.ASCII)
_DAY_FIRST = re.compile(r"(\d\d?)/(\d\d?)/(\d{4}) (\d\d?):(\d\d)(?::(\d\d))?(?:\.(\d{1,9}))?(?: ([AP])M)?", re.ASCII)
_HEX = re.compile(r"0x[0-9a-fA-F]{1,4}", re.ASCII)


def time_us(text: str) -> int | None:
    """A time as microseconds since the epoch, or ``None``.

    ``2019/04/04 16:23:00.325010`` and ISO 8601; seconds, milli-, micro- or nanoseconds since the epoch, told apart by
    their size; ``14/02/2018 08:31:01 PM``, the day first as CICFlowMeter writes it (the month, if only that fits).
    """
    if text[4:5] in ("/", "-") and text[10:11] in (" ", "T"):
        second_us = _second_us(text[:19])
        if second_us is not None and (fraction := text[20:]).isdecimal() and text[19] in ".,":
            return second_us + _fraction_us(fraction)
        return second_us if second_us is not None and len(text) == 19 else _iso_us(text)
    if found := _EPOCH.fullmatch(text):
        return _epoch_us(found[1], found[2] or "")
    return _day_first_us(text)


@lru_cache(maxsize=4_096)
def count(text: str) -> int | None:
    """A count or size; ``12.0`` too, as some tools write it."""
    if text.isdecimal() and len(text) <= 18:
        return int(text)
    number = float(text) if _NUMBER.fullmatch(text) else -1.0
    return int(number) if 0 <= number < _TOO_LARGE else None


def duration_ns(text: str, unit_ns: int) -> int | None:
    """A duration in units of ``unit_ns`` as nanoseconds."""
    try:
        taken_ns = float(text) * unit_ns
    except ValueError:
        return None
    return round(taken_ns) if 0 <= taken_ns < _TOO_LARGE else None


@lru_cache(maxsize=16_384)
def port(text: str) -> int | None:
    """A port, decimal or hexadecimal (``0x1f90``); ``None`` for zero, which is no port."""
    number = int(text, 16) if _HEX.fullmatch(text) else count(text)
    return number if number and number < 65_536 else None


def icmp_type_and_code(text: str) -> tuple[int, int] | None:
    """Argus writes them where the source port stands, as ``0xCCTT``: code, then type."""
    if _HEX.fullmatch(text) is None:
        return None
    number = int(text, 16)
    return number & 0xFF, number >> 8


@lru_cache(maxsize=256)
def transport_of(text: str) -> str | None:
    """The protocol's name in lower case; numbers become names where known."""
    name = text.lower().removesuffix(".0")
    return _PROTOCOLS.get(name, name) or None


@lru_cache(maxsize=2_048)
def scalar(text: str) -> Scalar:
    """A number where the text is exactly one, else the text."""
    if _NUMBER.fullmatch(text) is None:
        return text
    return int(text) if text.removeprefix("-").isdecimal() else float(text)


@lru_cache(maxsize=4_096)
def is_group(address: str) -> bool:
    """Whether an address stands for many (multicast, broadcast), so that silence is no refusal."""
    if ":" in address:
        return address.startswith("ff")
    return address.endswith(".255") or 224 <= int(address.partition(".")[0]) <= 239


def outcome_of(
    *, state: str, flags: str, action: str, transport: str | None, packets_back: int | None, bytes_back: int | None
) -> str | None:
    """Whether the destination answered: ``success``, ``failure`` (refused or silent) or ``None`` (cannot be told).

    In order: the tool's own state; a packet filter's REJECT; the source's TCP flags; what came back. A single TCP
    packet back is either a SYN-ACK or a reset and tells nothing.
    """
    if transport not in _CONVERSING and transport is not None:
        return None
    if state not in _COUNTERS_TELL:
        return _said_by_state(state)
    if action.upper() == "REJECT":
        return "failure"
    letters = _flag_letters(flags) if flags else frozenset()
    if transport == "tcp" and "S" in letters and "A" not in letters:
        return "failure"  # a SYN, and nothing that ever had to be acknowledged
    back = packets_back if packets_back is not None else bytes_back
    if back is None or (transport == "tcp" and packets_back == 1):
        return None
    return "success" if back else "failure"


@lru_cache(maxsize=1_024)
def _said_by_state(state: str) -> str | None:
    """``S_RA``: Argus gives the flags that the source sent, a line, and those that the destination sent.

    A destination that sent a SYN, data or a FIN answered; one that only ever reset refused. One that sent nothing is
    silent, unless the source acknowledged something: then it did answer, where the sensor does not look.
    """
    if "_" not in state:
        return "success" if state in _ANSWERED else "failure" if state in _UNANSWERED else None
    source, _, destination = state.partition("_")
    if not destination:
        return None if "A" in source else "failure"
    return "failure" if "R" in destination and not set(destination) & set("SPF") else "success"


@lru_cache(maxsize=1_024)
def _flag_letters(text: str) -> frozenset[str]:
    """``.AP.SF``, ``FSPA``, ``27`` or ``0x1b`` as letters."""
    bits = int(text, 16) if _HEX.fullmatch(text) else count(text)
    if bits is None:
        return frozenset(text.upper()) & frozenset(_FLAG_LETTERS)
    return frozenset(letter for number, letter in enumerate(_FLAG_LETTERS) if bits >> number & 1)


@lru_cache(maxsize=8_192)
def _second_us(text: str) -> int | None:
    try:
        year, month, day = int(text[:4]), int(text[5:7]), int(text[8:10])
        moment = datetime(year, month, day, int(text[11:13]), int(text[14:16]), int(text[17:19]), tzinfo=UTC)
    except ValueError:
        return None
    return int((moment - EPOCH).total_seconds()) * SECOND_US


def _fraction_us(digits: str) -> int:
    return int(digits[:6].ljust(6, "0"))


def _iso_us(text: str) -> int | None:
    try:
        return from_iso(text.replace("/", "-").replace(",", "."))
    except (ValueError, OverflowError):
        return None


def _epoch_us(whole: str, fraction: str) -> int:
    number = int(whole)
    if len(whole) <= 11:
        return number * SECOND_US + _fraction_us(fraction)
    if len(whole) <= 14:
        return number * 1_000 + int(fraction[:3].ljust(3, "0"))
    return number if len(whole) <= 17 else number // 1_000


@lru_cache(maxsize=256)
def _day_first_us(text: str) -> int | None:
    found = _DAY_FIRST.fullmatch(text)
    if found is None:
        return _iso_us(text)
    day, month, year, hour, minute = (int(found[group]) for group in range(1, 6))
    if month > 12:
        day, month = month, day
    if found[8]:
        hour = hour % 12 + (12 if found[8] == "P" else 0)
    try:
        moment = datetime(year, month, day, hour, minute, int(found[6] or 0), tzinfo=UTC)
    except ValueError:
        return None
    return int((moment - EPOCH).total_seconds()) * SECOND_US + _fraction_us(found[7] or "")
