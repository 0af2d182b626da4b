"""Owns Suricata's EVE log: JSON lines of many event types.

Source: "Eve JSON Format" of the Suricata user guide, versions 4 to 8 (https://docs.suricata.io).

The time of a ``flow`` event is when the flow began, as in every other flow log; when Suricata wrote it (minutes
later, or at its own end) stays in ``suricata.timestamp``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from pandora_core.ingest.format import Decoded, clean
from pandora_core.ingest.formats.plan import Column, Plan
from pandora_core.ingest.formats.record import (
    NotARecordError,
    Record,
    RecordPlans,
    read_record,
    records_of,
    time_us,
)
from pandora_core.ingest.formats.suricata_fields import log_map
from pandora_core.model import BadLine


class SuricataFormat:
    """EVE JSON of Suricata, any event type."""

    name = "suricata"
    delimiter = b"\n"

    def sniff(self, head: bytes, filename: str) -> float:
        records = list(records_of(head))
        if any(_is_eve(record) for record in records):
            return 0.97
        return 0.8 if not records and _CUT_RECORD.match(head) else 0.0

    def decoder(self, state: dict[str, Any] | None, *, filename: str, modified_us: int) -> SuricataDecoder:
        return SuricataDecoder()


class SuricataDecoder:
    """Decodes EVE lines; each stands for itself, so nothing is remembered."""

    def __init__(self) -> None:
        self._plans = RecordPlans(_plan_of)

    def decode(self, lines: Sequence[bytes]) -> list[Decoded]:
        return [self._line(line) for line in lines]

    def state(self) -> dict[str, Any]:
        return {}

    def _line(self, line: bytes) -> Decoded:
        if not line or line.isspace():
            return None
        try:
            record = read_record(line)
            event_type = record.pop("event_type", None)
            if not isinstance(event_type, str) or not event_type:
                return BadLine("no event_type: not an EVE record")
            event_type = _safe_name(event_type)
            at_us = _flow_time_us(record) if event_type == "flow" else _time_us(record.pop("timestamp", None))
            prepare = _PREPARE.get(event_type)
            if prepare is not None:
                prepare(record)
            elif "dns" in record:
                _spread_dns(record)
            return self._plans.event(event_type, at_us, record)
        except NotARecordError as error:
            return BadLine(str(error))


def _is_eve(record: Record) -> bool:
    return isinstance(record.get("event_type"), str) and "timestamp" in record


_CUT_RECORD = re.compile(rb'\s*\{"timestamp":"[^"\n]{10,40}",(?:"[a-z_]+":[^,{}\n]{1,200},){0,6}"event_type":"')


def _safe_name(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_-]", "_", text[:64])


def _time_us(at: Any) -> int:
    try:
        return time_us(at)
    except (ValueError, OverflowError) as error:
        raise NotARecordError(f"timestamp is not a time: {clean(str(at)[:40])!r}") from error


def _flow_time_us(record: Record) -> int:
    """When the flow began; adds its duration on the way, since both ends are at hand as numbers here only."""
    flow = record.get("flow")
    if not isinstance(flow, dict):
        return _time_us(record.get("timestamp"))
    try:
        start_us = time_us(flow.get("start"))
    except (ValueError, OverflowError):
        return _time_us(record.get("timestamp"))
    try:
        flow["duration_ns"] = (time_us(flow.get("end")) - start_us) * 1000
    except (ValueError, OverflowError):
        flow.pop("duration_ns", None)  # still open, or odd: then it has none
    return start_us


def _plan_of(event_type: str, columns: Sequence[Column]) -> Plan:
    return Plan(
        log_map(event_type),
        columns,
        dataset=f"suricata.{event_type}",
        prefix="suricata.",
    )


# What must be moved before a record is flattened


def _spread_dns(record: Record) -> None:
    """One shape for all versions: the question as ``dns.rrname``/``rrtype``, the answers as text in ``dns.rdata``.

    Version 1 has an event per answer, version 2 ``answers`` and ``grouped``, version 3 ``queries`` as well; in alerts
    ``query`` and ``answer`` hold the same.
    """
    dns = record.get("dns")
    if not isinstance(dns, dict):
        return
    answer = dns.get("answer")
    reply: Record = answer if isinstance(answer, dict) else {}
    for questions in (dns.get("queries"), dns.get("query"), [reply]):
        question = questions[0] if isinstance(questions, list) and questions else None
        if isinstance(question, dict):
            for name in ("rrname", "rrtype"):
                dns.setdefault(name, question.get(name))
    dns.setdefault("rcode", reply.get("rcode"))
    answers = _answers(dns) or _answers(reply)
    if answers:
        dns.setdefault("rdata", answers)
    _client_first(record, 53)


def _answers(dns: dict[str, Any]) -> list[str]:
    answers, grouped = dns.get("answers"), dns.get("grouped")
    if isinstance(answers, list) and answers:
        return [_answer_text(answer) for answer in answers]
    if isinstance(grouped, dict):
        return [_answer_text(answer) for group in grouped.values() if isinstance(group, list) for answer in group]
    return []


def _answer_text(answer: Any) -> str:
    data = answer.get("rdata", answer) if isinstance(answer, dict) else answer
    return data if isinstance(data, str) else msgspec.json.encode(data).decode()


def _client_first(record: Record, server_port: int) -> None:
    """Some versions log a reply with the server as the source; the event is about the client that asked."""
    if record.get("src_port") == server_port and record.get("dest_port") != server_port:
        for source, destination in (("src_ip", "dest_ip"), ("src_port", "dest_port")):
            record[source], record[destination] = record.get(destination), record.get(source)


def _tidy_krb5(record: Record) -> None:
    _client_first(record, 88)
    krb5 = record.get("krb5")
    if isinstance(krb5, dict):
        # What Suricata writes where the message had nothing.
        record["krb5"] = {name: value for name, value in krb5.items() if value not in ("<empty>", "<none>")}


def _smb_client_first(record: Record) -> None:
    _client_first(record, 445)


def _hide_ftp_password(record: Record) -> None:
    ftp = record.get("ftp")
    if isinstance(ftp, dict) and ftp.get("command") == "PASS" and "command_data" in ftp:
        ftp["command_data"] = "<hidden>"


_PREPARE: dict[str, Callable[[Record], None]] = {
    "dns": _spread_dns,
    "krb5": _tidy_krb5,
    "smb": _smb_client_first,
    "ftp": _hide_ftp_password,
}
