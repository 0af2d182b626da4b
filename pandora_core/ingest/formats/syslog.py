"""Owns the framing of syslog lines: the time stamp (and the year that it may lack), host, program, pid and message.

Three shapes are read, each with an optional ``<PRI>`` in front: the traditional ``Mmm dd HH:MM:SS host prog[pid]:
msg`` (RFC 3164), the ISO 8601 time of rsyslog and ``journalctl -o short-iso``, and RFC 5424. What a message *means*
is not decided here.

The year of a traditional stamp is found without looking ahead, so that a file read line by line, in batches of any
size or across a restart gives the same events:

- the first stamp gets the latest year that does not put it more than a day after the *reference*: when the file was
  last written, or the date in a rotated file's name (``secure-20231029``) if that is earlier;
- each later stamp is put near the one before it: up to three months earlier (disorder, files joined in the wrong
  order) or up to eight months later, so that December to January begins a new year and a late December line after it
  still belongs to the old one.

A file that spans new year is right, also when it is old. Two kinds cannot be told without the whole file and come out
wrong: one that spans more than twelve months is dated too late by each further year, and one that is silent for nine
months or more is taken to have gone back.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import UTC, date, datetime
from typing import Any

import msgspec

from pandora_core.model import DAY_US, EPOCH, HOUR_US, MINUTE_US, SECOND_US, BadLine, FieldValue, from_iso

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTH_NUMBER = {name: number for number, name in enumerate(MONTHS)}
_BACK_MONTHS = 3

_REST = (
    r"(?P<host>\S+) +"
    # util-linux login calls itself "-- root"; sysklogd adds its version; old PAM modules stand in the program's name.
    r"(?:(?P<login>-- )?(?P<program>[^\s:\[]{1,128}?)(?:\((?P<module>pam_\w+)\))?(?: \d[\d.]*)?"
    r"(?:\[(?P<pid>\d{1,10})\])?: ?)?"
    r"(?P<message>.*)"
)
_FLAGS = re.ASCII | re.DOTALL
_TRADITIONAL = re.compile(
    r"(?P<day>[A-Z][a-z]{2} [ \d]?\d)(?: (?P<year>\d{4}))? (?P<clock>\d\d:\d\d:\d\d)(?P<fraction>\.\d{1,9})? "
    + _REST,
    _FLAGS,
)
_ISO = re.compile(r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?) " + _REST, _FLAGS)
_RFC5424 = re.compile(
    r"\d{1,2} (?P<time>\S+) (?P<host>\S+) (?P<program>\S+) (?P<pid>\S+) (?P<id>\S+) "
    r"(?P<data>-|(?:\[(?:[^\]\\]++|\\.)*+\])+)(?: (?P<message>.*))?",
    _FLAGS,
)
_PRIORITY = re.compile(r"<(\d{1,3})>", re.ASCII)
_DATED_NAME = re.compile(r"[-.](20\d\d)-?(\d\d)-?(\d\d)(?:\.\w+)?$", re.ASCII)


class Frame(msgspec.Struct, frozen=True, gc=False):
    """A syslog line taken apart.

    ``module`` is the PAM module of an old-style tag (``sshd(pam_unix)``). ``more`` holds ``process.name``,
    ``process.pid`` and the rarer header fields; whoever makes the event may add to it.
    """

    at_us: int
    host: str | None
    program: str | None
    module: str | None
    message: str
    more: dict[str, FieldValue]


class Framer:
    """Takes lines of one file apart, in order; remembers the month of the last stamp."""

    def __init__(self, state: dict[str, Any] | None, *, filename: str, modified_us: int) -> None:
        self._reference_us = state["reference_us"] if state else _reference_us(filename, modified_us)
        self._month: int | None = state["month"] if state else None
        self._day = ""
        self._midnight_us = 0

    def state(self) -> dict[str, Any]:
        """``month`` counts months since year 0 (year * 12 + month - 1); ``None`` until the first stamp."""
        return {"reference_us": self._reference_us, "month": self._month}

    def frame(self, text: str) -> Frame | BadLine:
        """Take one line (already text, without hostile characters) apart."""
        more: dict[str, FieldValue] = {}
        if text.startswith("<") and (priority := _PRIORITY.match(text)):
            more["log.syslog.priority"] = int(priority[1])
            text = text[priority.end() :]
            if found := _RFC5424.fullmatch(text):
                return self._rfc5424(found, more)
        if found := _TRADITIONAL.fullmatch(text):
            at_us = self._traditional_us(found)
        elif found := _ISO.fullmatch(text):
            at_us = self._iso_us(found["time"])
        else:
            return BadLine("not syslog: no time stamp and host at its start")
        return BadLine("no such date or time") if at_us is None else _framed(at_us, found, more)

    def _rfc5424(self, found: re.Match[str], more: dict[str, FieldValue]) -> Frame | BadLine:
        at_us = self._iso_us(found["time"])
        if at_us is None:
            return BadLine("no such date or time")
        program, pid = _unless_nil(found["program"]), _unless_nil(found["pid"])
        said = {
            "process.name": program,
            "process.pid": int(pid) if pid and pid.isdecimal() and len(pid) <= 10 else pid,
            "log.syslog.msgid": _unless_nil(found["id"]),
            "log.syslog.structured_data": _unless_nil(found["data"]),
        }
        more |= {name: value for name, value in said.items() if value is not None}
        # A byte-order mark may open the message (RFC 5424 §6.4); as a hostile character it was replaced.
        message = (found["message"] or "").removeprefix("\ufffd")
        return Frame(at_us, _unless_nil(found["host"]), program, None, message, more)

    def _iso_us(self, text: str) -> int | None:
        try:
            at_us = from_iso(text.replace(",", "."))
        except (ValueError, OverflowError):
            return None
        self._month = int(text[:4]) * 12 + int(text[5:7]) - 1
        self._day = ""
        return at_us

    def _traditional_us(self, found: re.Match[str]) -> int | None:
        day, year, clock, fraction = found.group("day", "year", "clock", "fraction")
        hour, minute, second = int(clock[:2]), int(clock[3:5]), int(clock[6:])
        if hour > 23 or minute > 59 or second > 60:
            return None
        within_us = hour * HOUR_US + minute * MINUTE_US + second * SECOND_US
        if fraction:
            within_us += int(fraction[1:7].ljust(6, "0"))
        if day != self._day or year:
            midnight_us = self._begin_day(day, int(year) if year else None, within_us)
            if midnight_us is None:
                return None
            self._day, self._midnight_us = day, midnight_us
        return self._midnight_us + within_us

    def _begin_day(self, text: str, year: int | None, within_us: int) -> int | None:
        month, day = _MONTH_NUMBER.get(text[:3]), int(text[3:])
        if month is None or not 1 <= day <= monthrange(2000, month + 1)[1]:
            return None
        if year is not None:
            self._month = max(year, 1) * 12 + month
        elif self._month is None:
            self._month = self._first_year(month, day, within_us) * 12 + month
        else:
            ahead = (month - self._month + _BACK_MONTHS) % 12 - _BACK_MONTHS
            self._month = min(max(self._month + ahead, 12), 9999 * 12 + 11)
        return _midnight_us(self._month, day)

    def _first_year(self, month: int, day: int, within_us: int) -> int:
        latest_us = self._reference_us + DAY_US
        year = _year_of(latest_us)
        while year > 1:
            if _is_date(year, month, day) and _midnight_us(year * 12 + month, day) + within_us <= latest_us:
                break
            year -= 1
        return year


def _framed(at_us: int, found: re.Match[str], more: dict[str, FieldValue]) -> Frame:
    host, login, program, module, pid, message = found.group("host", "login", "program", "module", "pid", "message")
    if login:
        program = "login"
    if program:
        more["process.name"] = program
    if pid:
        more["process.pid"] = int(pid)
    return Frame(at_us, host, program, module, message, more)


def _unless_nil(text: str) -> str | None:
    return None if text == "-" else text


def _reference_us(filename: str, modified_us: int) -> int:
    if dated := _DATED_NAME.search(filename):
        try:
            rotated = datetime(int(dated[1]), int(dated[2]), int(dated[3]), tzinfo=UTC)
        except ValueError:
            return modified_us
        return min(modified_us, int(rotated.timestamp()) * SECOND_US + DAY_US)
    return modified_us


def _year_of(at_us: int) -> int:
    days = at_us // DAY_US + EPOCH.toordinal()
    return date.fromordinal(min(max(days, 1), date.max.toordinal())).year


def _midnight_us(month: int, day: int) -> int:
    """Midnight of a day; 29 February of a common year (a wrong guess of the year) is the first of March."""
    return (date(month // 12, month % 12 + 1, 1).toordinal() - EPOCH.toordinal() + day - 1) * DAY_US


def _is_date(year: int, month: int, day: int) -> bool:
    return day <= monthrange(year, month + 1)[1]
