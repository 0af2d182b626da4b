"""Owns the layout of UNSW-NB15's training and testing sets: 45 columns with a header (Moustafa and Slay, 2015)."""

from __future__ import annotations

import csv
import io

import numpy as np

from pandora_core.errors import SourceError
from pandora_core.learn.table import BENIGN, UNKNOWN_KIND, Schema, Table

_CATEGORIES = ("proto", "service", "state")
_NUMBERS = (
    "dur", "spkts", "dpkts", "sbytes", "dbytes", "rate", "sttl", "dttl", "sload", "dload", "sloss", "dloss",
    "sinpkt", "dinpkt", "sjit", "djit", "swin", "stcpb", "dtcpb", "dwin", "tcprtt", "synack", "ackdat", "smean",
    "dmean", "trans_depth", "response_body_len", "ct_srv_src", "ct_state_ttl", "ct_dst_ltm", "ct_src_dport_ltm",
    "ct_dst_sport_ltm", "ct_dst_src_ltm", "is_ftp_login", "ct_ftp_cmd", "ct_flw_http_mthd", "ct_src_ltm",
    "ct_srv_dst", "is_sm_ips_ports",
)  # fmt: skip
UNSW_NB15 = Schema(
    name="unsw-nb15",
    version=1,
    numbers=_NUMBERS,
    categories=_CATEGORIES,
    padded=("dur", "spkts", "dpkts", "sbytes", "dbytes"),
)
"""``id`` is a row's number and is left out; the two label columns are the label. It cannot be computed live.

``sttl``, ``dttl`` and ``ct_state_ttl`` tell the testbed's attack generator from its other hosts: figures flatter.
"""


def is_header(line: str) -> bool:
    """Whether the first line of a file is this layout's header, in whatever order its columns are."""
    return {*_NUMBERS, *_CATEGORIES, "label"} <= {word.strip().lower() for word in line.split(",")}


def read(where: str, content: bytes) -> tuple[Table, int]:
    """The table, and how many rows could not be read.

    Raises:
        SourceError: it has not this layout's columns.
    """
    lines = csv.reader(io.StringIO(content.decode("utf-8-sig", "replace")))
    header = [word.strip().lower() for word in next(lines, [])]
    if not is_header(",".join(header)):
        raise SourceError("is not laid out as a UNSW-NB15 set of 45 columns", where=where)
    place = {name: column for column, name in enumerate(header)}
    rows = [row for row in lines if row]
    good = [row for row in rows if len(row) == len(header)]
    try:
        numbers = np.array([[row[place[name]] for name in _NUMBERS] for row in good], np.float64)
    except ValueError as error:
        raise SourceError(f"is not laid out as UNSW-NB15: {error}", where=where) from error
    words = np.array([[row[place[name]].strip() for name in _CATEGORIES] for row in good], np.str_)
    kinds = np.array([_kind(row, place) for row in good], np.str_)
    shape = len(good), len(_NUMBERS)
    table = Table(UNSW_NB15, numbers.reshape(shape), words.reshape(len(good), len(_CATEGORIES)), kinds)
    return table, len(rows) - len(good)


def _kind(row: list[str], place: dict[str, int]) -> str:
    if row[place["label"]].strip() == "0":
        return BENIGN
    return (row[place["attack_cat"]].strip() if "attack_cat" in place else "") or UNKNOWN_KIND
