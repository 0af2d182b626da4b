"""Owns the flow collector: bidirectional flows in CSV, with the columns of Argus' ``.binetflow`` files.

It hears of every connection that Zeek sees, and knows nothing of what was said in it.
"""

from __future__ import annotations

from collections.abc import Iterator

from pandora_core.model import SECOND_US
from pandora_core.scenario.happenings import Connection
from pandora_core.scenario.writers.line import Clock, Line, See, rfc3339

FILE = "flows/flows.binetflow"
HEADER = "StartTime,Dur,Proto,SrcAddr,Sport,Dir,DstAddr,Dport,State,sTos,dTos,TotPkts,TotBytes,SrcBytes"
_TCP_STATES = {"SF": "FSPA_FSPA", "RSTO": "SRA_SA", "S0": "S_", "REJ": "S_RA"}
_PAYLOAD, _HEADER_BYTES = 1_448, 60


class Flows:
    """Turns connections into flows, written when they end."""

    def __init__(self, clock: Clock) -> None:
        self._error_us = clock.error_us("flows")
        self.sees: dict[type, See] = {Connection: self._flow}

    def _flow(self, it: Connection) -> Iterator[Line]:
        is_tcp = it.transport == "tcp"
        state = _TCP_STATES[it.state] if is_tcp else ("CON" if it.is_answered else "INT")
        out = 1 + it.sent_bytes // _PAYLOAD + (2 if is_tcp and it.is_answered else 0)
        back = 0 if it.state == "S0" else 1 + it.received_bytes // _PAYLOAD
        sent = it.sent_bytes + out * _HEADER_BYTES
        total = sent + it.received_bytes + back * _HEADER_BYTES
        start = rfc3339(it.at_us + self._error_us).replace("-", "/").replace("T", " ")
        arrow = "  <->" if not is_tcp and it.is_answered else "   ->"
        yield Line(
            it.at_us + it.duration_us,
            FILE,
            f"{start},{it.duration_us / SECOND_US:.6f},{it.transport},{it.source_ip},{it.source_port},{arrow},"
            f"{it.destination_ip},{it.destination_port},{state},0,{0 if back else ''},{out + back},{total},{sent}",
        )
