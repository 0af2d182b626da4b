"""Owns what the network graph takes from a store, and the snapshot of it that is kept there.

The graph is made on the reader's side: the engine does nothing for it. Events are read in order of their ids, so that
what was read once is never read again; rows of datasets that cannot hold a log-on are skipped by SQLite, before their
bodies are read. Connections are summed up by SQLite too: there may be millions.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import ColumnElement, func, literal_column, or_, select
from sqlalchemy.dialects.sqlite import insert

from pandora_core.model import HOUR_US, ActionKind, EntityRef, Event
from pandora_core.store import schema
from pandora_core.store.reader import Reader
from pandora_core.store.store import Store

CHUNK = 50_000
"""Ids that are looked at in one transaction: a long one would keep the write-ahead log from being written back."""

_WITHOUT_LOG_ONS = (
    "zeek.conn",
    "zeek.dns",
    "zeek.files",
    "zeek.http",
    "zeek.ssl",
    "zeek.x509",
    "flows.binetflow",
    "flows.netflow",
    "suricata.dns",
    "suricata.fileinfo",
    "suricata.flow",
    "suricata.http",
    "suricata.tls",
)
_FLOWS = ("zeek.conn", "flows.binetflow", "flows.netflow", "suricata.flow")
_OWN_NETWORKS = ("10.", "172.", "192.168.", "169.254.", "fc", "fd", "fe80:")
"""How addresses begin that may be our own; :func:`pandora_core.graph.reading.flow_of` looks more closely."""

_ACTIONS = frozenset(
    {
        "connection",  # a host's own, by which its address is known; sensors' are summed up
        "dhcp-lease",
        "log-cleared",
        "privileges-assigned",
        "process-started",
        "rdp-authenticated",
        "rdp-connection",
        "service-installed",
        "session-reconnected",
        "session-started",
        "share-accessed",
        "task-changed",
        "task-created",
        "winrm-connected",
    }
)


class _Glance(msgspec.Struct, gc=False):
    """Enough of an event to tell whether the rest of it is wanted."""

    category: str | None = msgspec.field(name="event.category", default=None)
    action: str | None = msgspec.field(name="event.action", default=None)


_glance = msgspec.json.Decoder(_Glance).decode
_event = msgspec.json.Decoder(Event).decode


class GraphSnapshot(NamedTuple):
    """The graph after the event ``event_id``; of use only to the same ``version`` of the code."""

    event_id: int
    taken_at_us: int
    version: str
    state: bytes


class FlowTally(NamedTuple):
    """Connections of one hour between two addresses to one port."""

    source_ip: str
    destination_ip: str
    port: int | None
    first_us: int
    last_us: int
    connections: int


class GraphStore:
    """One store, as the network graph sees it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def newest_event_id(self) -> int:
        """The highest id of a stored event, 0 if there is none."""
        with self._store.reading() as connection:
            return int(connection.execute(select(func.max(schema.events.c.id))).scalar() or 0)

    def events_between(self, after: int, upto: int) -> Iterator[Event]:
        """Log-ons and what else the graph and the names of hosts are made of, with ids above ``after``."""
        c = schema.events.c
        for start in range(after, upto, CHUNK):
            statement = select(c.body).where(c.id > start, c.id <= min(start + CHUNK, upto)).order_by(c.id)
            with self._store.reading() as connection:
                bodies = connection.execute(statement.where(c.dataset.not_in(_WITHOUT_LOG_ONS))).scalars().all()
            for body in bodies:
                seen = _glance(body)
                if seen.category == "authentication" or seen.action in _ACTIONS:
                    yield _event(body)

    def flows_between(self, after: int, upto: int) -> Iterator[FlowTally]:
        """Answered connections between addresses that may be our own, summed up by SQLite; ids above ``after``."""
        c = schema.events.c
        port, count = _told("destination.port"), func.coalesce(_told("event.count"), 1)
        ends = c.source_ip, c.destination_ip, port
        sums = select(*ends, func.min(c.at_us), func.max(c.at_us), func.sum(count))
        answered = func.coalesce(_told("event.outcome"), "") != "failure"
        for start in range(after, upto, CHUNK):
            chosen = sums.where(c.id > start, c.id <= min(start + CHUNK, upto), c.dataset.in_(_FLOWS))
            for end in ends[:2]:
                chosen = chosen.where(or_(*(end.startswith(begin) for begin in _OWN_NETWORKS)))
            with self._store.reading() as connection:
                grouped = chosen.where(answered).group_by(*ends, c.at_us / literal_column(str(HOUR_US)))
                rows = connection.execute(grouped).all()
            yield from (FlowTally(*row) for row in rows)

    def snapshot(self) -> GraphSnapshot | None:
        """The graph as it was last kept."""
        with self._store.reading() as connection:
            row = connection.execute(select(schema.graph_snapshots)).mappings().first()
        if row is None:
            return None
        return GraphSnapshot(row["event_id"], row["taken_at_us"], row["version"], zlib.decompress(row["state"]))

    def keep(self, snapshot: GraphSnapshot) -> None:
        """Keep a snapshot, unless somebody kept a newer one of the same version meanwhile."""
        packed = zlib.compress(snapshot.state, 1)
        c = schema.graph_snapshots.c
        statement = insert(schema.graph_snapshots).values(id=1, **snapshot._replace(state=packed)._asdict())
        values = {name: statement.excluded[name] for name in GraphSnapshot._fields}
        is_newer = (statement.excluded.event_id > c.event_id) | (statement.excluded.version != c.version)
        with self._store.writing() as connection:
            connection.execute(statement.on_conflict_do_update(index_elements=["id"], set_=values, where=is_newer))

    def tagged(self, tags: Iterable[str]) -> list[str]:
        """The names of the hosts and addresses that bear one of some tags."""
        c, wanted = schema.actions.c, frozenset(tags)
        spoken = select(c.subject).where(c.kind == ActionKind.TAG.value).distinct().order_by(c.subject)
        with self._store.reading() as connection:
            subjects = [subject for subject in connection.execute(spoken).scalars() if ":" in subject]
        reader = Reader(self._store)
        return [EntityRef.parse(one).name for one in subjects if not wanted.isdisjoint(reader.tags(one))]


def _told(field: str) -> ColumnElement[Any]:
    """A field of an event's body."""
    return func.json_extract(schema.events.c.body, f'$."{field}"')
