"""Owns what the header line of a flow table says: which column has which meaning, under the names of many tools.

Names are compared in lower case and without punctuation: ``Source IP``, ``src_ip`` and ``SrcIP`` are looked up as
``sourceip`` and ``srcip``. Sources of the names: Argus ra(1), nfdump(1), SiLK rwcut(1), nProbe, IANA's registry of
IPFIX elements, AWS VPC flow logs, CICFlowMeter.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pandora_core.ingest.format import clean

# What a column means, and its names; where a table has several of one meaning, the first of this list is taken.
_MEANINGS: dict[str, tuple[str, ...]] = {
    "start": (
        "starttime", "stime", "ts", "start", "firstseen", "datefirstseen", "firstswitched", "flowstartmilliseconds",
        "flowstartseconds", "flowstartmicroseconds", "flowstart", "timestamp", "first", "datetime", "date", "time",
    ),
    "end": (
        "lasttime", "etime", "te", "end", "endtime", "ltime", "lastseen", "lastswitched", "flowendmilliseconds",
        "flowendseconds", "flowendmicroseconds", "last",
    ),
    "duration": (
        "dur", "duration", "td", "flowdurationmilliseconds", "flowdurationmicroseconds", "flowduration", "durationms",
    ),
    "transport": ("proto", "protocol", "pr", "pro", "prot", "protocolidentifier", "ipprotocol"),
    "service": ("service", "application", "appname", "l7protoname", "applicationname"),
    "source": (
        "srcaddr", "sa", "sip", "srcip", "sourceip", "ipv4srcaddr", "ipv6srcaddr", "sourceipv4address",
        "sourceipv6address", "sourceaddress", "srcaddress", "srcipaddr", "idorigh", "src", "source",
    ),
    "source_port": ("sport", "sp", "srcport", "sourceport", "l4srcport", "sourcetransportport", "idorigp"),
    "destination": (
        "dstaddr", "da", "dip", "dstip", "destinationip", "destip", "ipv4dstaddr", "ipv6dstaddr",
        "destinationipv4address", "destinationipv6address", "destinationaddress", "dstaddress", "dstipaddr",
        "idresph", "dst", "dest", "destination",
    ),
    "destination_port": (
        "dport", "dp", "dstport", "destinationport", "destport", "l4dstport", "destinationtransportport", "dsport",
        "idrespp",
    ),
    "state": ("state", "connstate"),
    "flags": ("flags", "flg", "tcpflags", "tcpcontrolbits"),
    "direction": ("dir",),
    "action": ("action",),
    "total_packets": ("totpkts",),
    "total_bytes": ("totbytes",),
    "source_packets": (
        "srcpkts", "spkts", "ipkt", "packets", "pkts", "inpkts", "inpackets", "packetdeltacount", "packettotalcount",
        "totalfwdpackets", "totalfwdpacket", "totfwdpkts", "origpkts",
    ),
    "source_bytes": (
        "srcbytes", "sbytes", "ibyt", "bytes", "inbytes", "octetdeltacount", "octettotalcount", "octets",
        "totallengthoffwdpackets", "totallengthoffwdpacket", "totlenfwdpkts", "origbytes",
    ),
    "destination_packets": (
        "dstpkts", "dpkts", "opkt", "outpkts", "outpackets", "reversepacketdeltacount", "totalbackwardpackets",
        "totalbwdpackets", "totbwdpkts", "resppkts",
    ),
    "destination_bytes": (
        "dstbytes", "dbytes", "obyt", "outbytes", "reverseoctetdeltacount", "totallengthofbwdpackets",
        "totallengthofbwdpacket", "totlenbwdpkts", "respbytes",
    ),
}  # fmt: skip
_MEANING_OF = {name: (meaning, rank) for meaning, names in _MEANINGS.items() for rank, name in enumerate(names)}
_MEASURED = frozenset(
    {"duration", "source_port", "destination_port", "total_packets", "total_bytes", "source_packets", "source_bytes"}
)
_LABELS = {
    "label": "label.flow", "class": "label.class", "attack": "label.attack", "attackcat": "label.attack_category",
    "detailedlabel": "label.detail",
}  # fmt: skip

# These are read and also kept as they stand: what is made of them says less than they do.
_KEPT_TOO = frozenset({"state", "flags", "direction", "action"})

# Reverse counters that stay zero unless the tool was told to pair flows: nothing there proves nothing.
_OFTEN_UNPAIRED = frozenset({"opkt", "obyt", "outpkts", "outpackets", "outbytes"})

_NS_PER_UNIT = {
    "flowdurationmilliseconds": 1_000_000,
    "durationms": 1_000_000,
    "flowdurationmicroseconds": 1_000,
    "flowduration": 1_000,  # CICFlowMeter counts in microseconds
}
_DELIMITERS = (",", "\t", ";", "|", " ")
_PUNCTUATION = re.compile(r"[\W_]+")


class Columns(NamedTuple):
    """Where each meaning stands in a row; one that the table lacks stands behind the last cell."""

    start: int
    end: int
    duration: int
    transport: int
    service: int
    source: int
    source_port: int
    destination: int
    destination_port: int
    state: int
    flags: int
    direction: int
    action: int
    total_packets: int
    total_bytes: int
    source_packets: int
    source_bytes: int
    destination_packets: int
    destination_bytes: int


@dataclass(frozen=True, slots=True)
class Header:
    """The columns of a table.

    ``others`` are index and event field of the columns to keep as they stand; ``duration_ns`` is the unit of the
    duration; ``is_padded``: cells may have blanks around them; ``is_paired``: a reverse counter of zero means that
    nothing came back.
    """

    text: str
    delimiter: str
    names: tuple[str, ...]
    dataset: str
    at: Columns
    others: tuple[tuple[int, str], ...]
    duration_ns: int
    is_padded: bool
    is_paired: bool


def read_header(text: str) -> Header | None:
    """The header that a line is, or ``None``: it must name two addresses, a time and something measured."""
    text = text.removeprefix("\ufffd")  # what became of a byte-order mark
    for delimiter in _DELIMITERS:
        names = split(text, delimiter, is_padded=True) if delimiter in text else None
        if names is None:
            continue
        while names and not names[-1]:  # rwcut ends each line with its delimiter
            names.pop()
        best = _best_columns([_plain(name) for name in names])
        if best.keys() >= {"source", "destination"} and best.keys() & {"start", "end"} and best.keys() & _MEASURED:
            return _header(text, delimiter, names, best)
    return None


def split(text: str, delimiter: str, *, is_padded: bool) -> list[str] | None:
    """The cells of a line, without blanks around them if ``is_padded``; ``None`` for quotation that is no CSV."""
    if '"' in text:
        try:
            return [cell.strip() for cell in next(csv.reader([text], delimiter=delimiter, skipinitialspace=True))]
        except (csv.Error, StopIteration):
            return None
    if delimiter == " ":
        return text.split()
    cells = text.split(delimiter)
    return [cell.strip() for cell in cells] if is_padded else cells


def _best_columns(names: Sequence[str]) -> dict[str, int]:
    best: dict[str, tuple[int, int]] = {}
    for index, name in enumerate(names):
        if name in _MEANING_OF:
            meaning, rank = _MEANING_OF[name]
            best[meaning] = min(best.get(meaning, (rank, index)), (rank, index))
    return {meaning: index for meaning, (_, index) in best.items()}


def _header(text: str, delimiter: str, names: list[str], best: dict[str, int]) -> Header:
    plain = [_plain(name) for name in names]
    read = {index for meaning, index in best.items() if meaning not in _KEPT_TOO}
    return Header(
        text=text,
        delimiter=delimiter,
        names=tuple(clean(name) for name in names),
        dataset="flows.binetflow" if best.keys() >= {"state", "direction", "total_packets"} else "flows.netflow",
        at=Columns(**(dict.fromkeys(Columns._fields, len(names)) | best)),
        others=tuple(
            (index, _LABELS.get(name) or f"flows.{clean(names[index]) or index}")
            for index, name in enumerate(plain)
            if index not in read
        ),
        duration_ns=_NS_PER_UNIT.get(plain[best["duration"]], 1_000_000_000) if "duration" in best else 1,
        is_padded=delimiter == "|" or f"{delimiter} " in text or f" {delimiter}" in text,
        is_paired=not _OFTEN_UNPAIRED.intersection(plain),
    )


def _plain(name: str) -> str:
    return _PUNCTUATION.sub("", name).lower()
