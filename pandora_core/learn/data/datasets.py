"""Owns the reading of labelled data into tables: NSL-KDD, labelled logs of flows, any labelled CSV or NDJSON.

Nothing is guessed about a label: a column is named, or the layout is one that is known. Rows whose label cannot be
read are counted, not used.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from pandora_core.errors import RefusedError, SourceError
from pandora_core.ingest.container import HEAD_BYTES, open_stream
from pandora_core.ingest.recognise import formats, recognise
from pandora_core.learn.data import tabular, unsw
from pandora_core.learn.data.flows import FlowReader, is_flow
from pandora_core.learn.data.tabular import Columns as Columns
from pandora_core.learn.data.tabular import is_benign as is_benign
from pandora_core.learn.table import BENIGN, UNKNOWN_KIND, Schema, Table, Words
from pandora_core.model import Event

if TYPE_CHECKING:  # only for its name: verdicts are read by who has a store
    from pandora_core.store.reader import Reader

TRUTH_FILE = "truth.ndjson"
LAYOUTS = ("auto", "nsl-kdd", "unsw-nb15", "flows", "csv", "ndjson", "scenario")
_SILENT = frozenset({"unknown", "(empty)", "-", ""})
_CHUNK_BYTES = 1 << 20

_NSL_NUMBERS = (
    "duration", "src_bytes", "dst_bytes", "land", "wrong_fragment", "urgent", "hot", "num_failed_logins",
    "logged_in", "num_compromised", "root_shell", "su_attempted", "num_root", "num_file_creations", "num_shells",
    "num_access_files", "num_outbound_cmds", "is_host_login", "is_guest_login", "count", "srv_count",
    "serror_rate", "srv_serror_rate", "rerror_rate", "srv_rerror_rate", "same_srv_rate", "diff_srv_rate",
    "srv_diff_host_rate", "dst_host_count", "dst_host_srv_count", "dst_host_same_srv_rate",
    "dst_host_diff_srv_rate", "dst_host_same_src_port_rate", "dst_host_srv_diff_host_rate",
    "dst_host_serror_rate", "dst_host_srv_serror_rate", "dst_host_rerror_rate", "dst_host_srv_rerror_rate",
)  # fmt: skip
NSL_KDD = Schema(
    name="nsl-kdd",
    version=1,
    numbers=_NSL_NUMBERS,
    categories=("protocol_type", "service", "flag"),
    padded=("duration", "src_bytes", "dst_bytes", "count", "srv_count"),
)
"""The 41 columns of KDD Cup 1999 in the edition of Tavallaee et al. (2009); it cannot be computed from live logs."""


class Loaded(NamedTuple):
    """A table, the hash of the bytes it came from, and how many rows could not be used."""

    table: Table
    sha256: str
    layout: str
    left_out: int


def load(path: Path, layout: str = "auto", columns: Columns | None = None) -> Loaded:
    """Read a labelled file; ``scenario`` is a folder of logs with ``truth.ndjson``, as the simulator writes it.

    Raises:
        SourceError: it cannot be read, its layout is not recognised, or no row of it can be used.
    """
    columns = columns or Columns()
    if not path.exists():
        raise SourceError("there is no such file or folder", where=str(path), hint="check --dataset")
    layout = _layout_of(path, columns) if layout == "auto" else layout
    if layout == "scenario":
        loaded = _load_scenario(path)
    else:
        content = path.read_bytes() if layout in ("nsl-kdd", "unsw-nb15", "csv", "ndjson") else b""
        loaded = _READERS[layout](path, content, columns)
    if not len(loaded.table):
        raise SourceError("has no labelled row", where=str(path), hint="name the label's column with --label")
    return loaded


def load_verdicts(reader: Reader) -> Loaded:
    """The flows that alerts with a verdict show: attacks where it was a true positive, else benign.

    A flow's source is looked up in the store for the flows before it, so that windows are what they were.

    Raises:
        SourceError: no alert with a verdict shows a flow.
    """
    kinds: dict[int, tuple[Event, str]] = {}
    for view in reader.alerts():
        if view.triage.verdict is None:
            continue
        kind = UNKNOWN_KIND if view.triage.verdict == "true positive" else BENIGN
        for row in reader.alert(view.alert.id).events:
            if is_flow(row.event) and kinds.get(row.id, (None, BENIGN))[1] == BENIGN:
                kinds[row.id] = row.event, kind
    if not kinds:
        raise SourceError("no alert with a verdict shows a flow", hint="pandora alerts verdict ID true-positive")
    tables = [_with_past(reader, number, *kinds[number]) for number in sorted(kinds)]
    table = _joined(tables)
    return Loaded(table, hashlib.sha256(table.row_hashes().tobytes()).hexdigest(), "verdicts", 0)


def kind_of(event: Event) -> str | None:
    """The attack type that a labelled event states, :data:`BENIGN`, or ``None`` where it says nothing."""
    more = event.more
    if "label.flow" in more and str(more["label.flow"]) in ("0", "1"):
        if str(more["label.flow"]) == "0":
            return BENIGN
        return str(more.get("label.attack_category") or more.get("label.attack") or UNKNOWN_KIND)
    for field in ("label.class", "label.flow", "label.attack"):
        if field in more:
            text = str(more[field])
            if text.lower() in _SILENT:
                return None
            return BENIGN if is_benign(text) else str(more.get("label.detail") or text)
    return None


def _layout_of(path: Path, columns: Columns) -> str:
    if path.is_dir():
        return "scenario"
    if columns.label:
        return "ndjson" if path.suffix in (".json", ".ndjson", ".jsonl") else "csv"
    with path.open("rb") as file:
        first = file.readline(1 << 16).decode("utf-8-sig", "replace").strip()
    if unsw.is_header(first):
        return "unsw-nb15"
    return "nsl-kdd" if first.count(",") in (41, 42) and first.split(",")[1] in ("tcp", "udp", "icmp") else "flows"


def _load_nsl(path: Path, content: bytes, _: Columns) -> Loaded:
    """41 columns and the class, then perhaps a difficulty, without a header."""
    rows = [row for row in csv.reader(io.StringIO(content.decode("utf-8", "replace"))) if row]
    good = [row for row in rows if len(row) in (42, 43)]
    places = [0, *range(4, 41)]
    try:
        numbers = np.array([[row[place] for place in places] for row in good], np.float64)
    except ValueError as error:
        raise SourceError(f"is not laid out as NSL-KDD: {error}", where=str(path)) from error
    kinds = [BENIGN if is_benign(row[41]) else row[41].strip().rstrip(".") for row in good]
    categories = np.array([row[1:4] for row in good], np.str_).reshape(len(good), 3)
    table = Table(NSL_KDD, numbers.reshape(len(good), len(places)), categories, np.array(kinds, np.str_))
    return Loaded(table, hashlib.sha256(content).hexdigest(), "nsl-kdd", len(rows) - len(good))


def _load_unsw(path: Path, content: bytes, _: Columns) -> Loaded:
    table, left_out = unsw.read(str(path), content)
    return Loaded(table, hashlib.sha256(content).hexdigest(), "unsw-nb15", left_out)


def _load_flows(path: Path, _: bytes, __: Columns) -> Loaded:
    """A log of flows in any format that the engine reads, with a label in its rows."""
    read = EventsOf(path)
    labelled = [(event, kind_of(event)) for _, event in read]
    known = [(event, kind) for event, kind in labelled if kind is not None and is_flow(event)]
    table = FlowReader().table((event for event, _ in known), (kind for _, kind in known))
    return Loaded(table, read.sha256, "flows", len(labelled) - len(known))


def _load_scenario(folder: Path) -> Loaded:
    """The simulator's folder: every flow is benign unless the truth has its line."""
    truth = folder / TRUTH_FILE
    stages: dict[tuple[str, int], str] = {}
    try:
        for text in truth.read_text("utf-8").splitlines():
            row = json.loads(text)
            if "file" in row:
                stages[row["file"], int(row["line"])] = str(row["phase"])
    except (OSError, ValueError, KeyError) as error:
        raise SourceError(f"no truth that can be read: {error}", where=str(truth)) from error
    events: list[Event] = []
    kinds: list[str] = []
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if not path.is_file() or path == truth:
            continue
        read, name = EventsOf(path), path.relative_to(folder).as_posix()
        for line, event in read:
            if is_flow(event):
                events.append(event)
                kinds.append(stages.get((name, line), BENIGN))
        digest.update(read.sha256.encode())
    return Loaded(FlowReader().table(events, kinds), digest.hexdigest(), "scenario", 0)


class EventsOf:
    """The events of one file with the numbers of their lines; its hash once it is read to the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[tuple[int, Event]]:
        head = open_stream(str(self._path)).peek(HEAD_BYTES)
        chosen = recognise(head, self._path.name, formats())
        if chosen is None or chosen.delimiter != b"\n":
            raise SourceError("no format recognises it", where=str(self._path), hint="a table needs --label COLUMN")
        decoder = chosen.decoder(None, filename=self._path.name, modified_us=0)
        number = 0
        for lines in self._chunks():
            for decoded in decoder.decode(lines):
                number += 1
                if isinstance(decoded, Event):
                    yield number, decoded

    def _chunks(self) -> Iterator[list[bytes]]:
        stream, rest = open_stream(str(self._path)), b""
        while chunk := stream.read(_CHUNK_BYTES):
            self._digest.update(chunk)
            *lines, rest = (rest + chunk).split(b"\n")
            yield lines
        if rest:
            yield [rest]


def _load_csv(path: Path, content: bytes, columns: Columns) -> Loaded:
    rows = csv.DictReader(io.StringIO(content.decode("utf-8", "replace")))
    return _tabular(path, content, rows, columns, "csv")


def _load_ndjson(path: Path, content: bytes, columns: Columns) -> Loaded:
    def rows() -> Iterator[dict[str, Any]]:
        for number, line in enumerate(content.splitlines(), start=1):
            if line.strip():
                try:
                    yield msgspec.json.decode(line, type=dict[str, Any])
                except msgspec.DecodeError as error:
                    raise SourceError(f"no JSON object: {error}", where=f"{path}:{number}") from error

    return _tabular(path, content, rows(), columns, "ndjson")


def _tabular(path: Path, content: bytes, rows: Iterable[dict[str, Any]], columns: Columns, layout: str) -> Loaded:
    table, left_out = tabular.read(str(path), list(rows), columns)
    return Loaded(table, hashlib.sha256(content).hexdigest(), layout, left_out)


def _with_past(reader: Reader, number: int, event: Event, kind: str) -> Table:
    before = reader.search_events(observable=event.source_ip, to_us=event.at_us + 1, before_id=number, limit=100)
    past = [row.event for row in reversed(before) if is_flow(row.event) and row.event.source_ip == event.source_ip]
    features = FlowReader()
    features.block(past)
    return features.table([event], [kind])


def _joined(tables: Sequence[Table]) -> Table:
    """Tables of flows as one, in order of time.

    Raises:
        RefusedError: they have different features.
    """
    if len({table.schema.id for table in tables}) > 1:
        raise RefusedError("tables with different features cannot be joined")
    times = [table.at_us for table in tables if table.at_us is not None]
    made = Table(
        tables[0].schema,
        np.concatenate([table.numbers for table in tables]),
        np.concatenate([table.categories for table in tables]),
        _words(tables, lambda table: table.kinds),
        np.concatenate(times) if len(times) == len(tables) else None,
    )
    return made if made.at_us is None else made.take(np.argsort(made.at_us, kind="stable"))


def join(tables: Sequence[Table]) -> Table:
    """Several tables of the same features as one, in order of time where all have times."""
    return _joined(tables)


def _words(tables: Sequence[Table], of: Callable[[Table], Words]) -> Words:
    return np.concatenate([of(table) for table in tables])


_READERS: dict[str, Callable[[Path, bytes, Columns], Loaded]] = {
    "nsl-kdd": _load_nsl,
    "unsw-nb15": _load_unsw,
    "flows": _load_flows,
    "csv": _load_csv,
    "ndjson": _load_ndjson,
}
