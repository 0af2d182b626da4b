"""Owns the tables of ``pandora.db`` as they are now; :mod:`pandora_core.store.migrations` has how they came to be.

Times are integer microseconds since the epoch, UTC. ``change`` is the number of the commit that last wrote the row:
numbers are given in commit order, so "what changed since N" never misses a row.
"""

from __future__ import annotations

from sqlalchemy import Column, Float, Index, Integer, LargeBinary, MetaData, Table, Text, text

metadata = MetaData()

counters = Table(
    "counters",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Integer, nullable=False),
)

settings = Table(
    "settings",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

sources = Table(
    "sources",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("pattern", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("temporary", Integer, nullable=False),
    Column("added_at_us", Integer, nullable=False),
    Column("removed_at_us", Integer),
    Column("change", Integer, nullable=False),
    Index("sources_change", "change"),
)

files = Table(
    "files",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("path", Text, nullable=False),
    Column("member", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("head_hash", Text, nullable=False),
    Column("checkpoint", Text, nullable=False),
    Column("events", Integer, nullable=False),
    Column("bad_lines", Integer, nullable=False),
    Column("first_event_us", Integer),
    Column("last_event_us", Integer),
    Column("last_read_us", Integer, nullable=False),
    Column("backlog_bytes", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("change", Integer, nullable=False),
    Index("files_change", "change"),
    Index("files_head_hash", "head_hash"),
)

events = Table(
    "events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("at_us", Integer, nullable=False),
    Column("file_id", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("length", Integer, nullable=False),
    Column("line_number", Integer, nullable=False),
    Column("dataset", Text, nullable=False),
    Column("source_ip", Text),
    Column("destination_ip", Text),
    Column("host", Text),
    Column("user_name", Text),
    Column("body", Text, nullable=False),
    Index("events_at", "at_us"),
    Index("events_source_ip", "source_ip", sqlite_where=text("source_ip IS NOT NULL")),
    Index("events_destination_ip", "destination_ip", sqlite_where=text("destination_ip IS NOT NULL")),
    Index("events_host", "host", sqlite_where=text("host IS NOT NULL")),
    Index("events_user_name", "user_name", sqlite_where=text("user_name IS NOT NULL")),
)

bad_lines = Table(
    "bad_lines",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("file_id", Integer, nullable=False),
    Column("line_number", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("excerpt", Text, nullable=False),
    Index("bad_lines_file", "file_id"),
)

raw_lines = Table(
    "raw_lines",
    metadata,
    Column("event_id", Integer, primary_key=True),
    Column("path", Text, nullable=False),
    Column("line_number", Integer, nullable=False),
    Column("line", LargeBinary, nullable=False),
)

shown_events = Table(
    "shown_events",
    metadata,
    Column("detection_id", Text, primary_key=True),
    Column("event_id", Integer, primary_key=True),
    Index("shown_events_event", "event_id"),
    sqlite_with_rowid=False,
)

detections = Table(
    "detections",
    metadata,
    Column("id", Text, primary_key=True),
    Column("detector", Text, nullable=False),
    Column("entity", Text, nullable=False),
    Column("alert_id", Text),
    Column("first_seen_us", Integer, nullable=False),
    Column("last_seen_us", Integer, nullable=False),
    Column("points", Float, nullable=False),
    Column("body", Text, nullable=False),
    Column("change", Integer, nullable=False),
    Index("detections_entity", "entity"),
    Index("detections_alert", "alert_id"),
    Index("detections_change", "change"),
    Index("detections_last_seen", "last_seen_us"),
)

alerts = Table(
    "alerts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("entity", Text, nullable=False),
    Column("severity", Integer, nullable=False),
    Column("risk", Float, nullable=False),
    Column("first_seen_us", Integer, nullable=False),
    Column("last_seen_us", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("change", Integer, nullable=False),
    Index("alerts_change", "change"),
    Index("alerts_entity", "entity"),
    Index("alerts_risk", "risk"),
)

gone_alerts = Table(
    "gone_alerts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("successor", Text),
    Column("change", Integer, nullable=False),
    Index("gone_alerts_change", "change"),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("severity", Integer, nullable=False),
    Column("risk", Float, nullable=False),
    Column("first_seen_us", Integer, nullable=False),
    Column("last_seen_us", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("change", Integer, nullable=False),
    Index("incidents_change", "change"),
    Index("incidents_last_seen", "last_seen_us"),
)

gone_incidents = Table(
    "gone_incidents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("successor", Text),
    Column("change", Integer, nullable=False),
    Index("gone_incidents_change", "change"),
)

entities = Table(
    "entities",
    metadata,
    Column("entity", Text, primary_key=True),
    Column("evidence", Float, nullable=False),
    Column("as_of_us", Integer, nullable=False),
    Column("rank", Float, nullable=False),
    Column("first_seen_us", Integer, nullable=False),
    Column("last_seen_us", Integer, nullable=False),
    Column("detections", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("change", Integer, nullable=False),
    Index("entities_change", "change"),
    Index("entities_rank", "rank"),
)

edges = Table(
    "edges",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("source", Text, primary_key=True),
    Column("destination", Text, primary_key=True),
    Column("user_name", Text, primary_key=True),
    Column("source_name", Text, nullable=False),
    Column("destination_name", Text, nullable=False),
    Column("first_seen_us", Integer, nullable=False),
    Column("last_seen_us", Integer, nullable=False),
    Column("count", Integer, nullable=False),
    Column("change", Integer, nullable=False),
    Index("edges_change", "change"),
    sqlite_with_rowid=False,
)

actions = Table(
    "actions",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("actor", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("at_us", Integer, nullable=False),
    Column("subject", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("value", Text, nullable=False),
    Column("undoes", Integer),
    Column("event_id", Integer, nullable=False),
    Column("change", Integer, nullable=False),
    Index("actions_change", "change"),
    Index("actions_subject", "subject"),
    sqlite_autoincrement=True,
)

snapshots = Table(
    "snapshots",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("event_id", Integer, nullable=False),
    Column("taken_at_us", Integer, nullable=False),
    Column("version", Text, nullable=False),
    Column("state", LargeBinary, nullable=False),
)

graph_snapshots = Table(
    "graph_snapshots",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("event_id", Integer, nullable=False),
    Column("taken_at_us", Integer, nullable=False),
    Column("version", Text, nullable=False),
    Column("state", LargeBinary, nullable=False),
)

imports = Table(
    "imports",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("patterns", Text, nullable=False),
    Column("format", Text, nullable=False),
    Column("requested_at_us", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("summary", Text, nullable=False),
    Column("change", Integer, nullable=False),
    Index("imports_change", "change"),
)

throughput = Table(
    "throughput",
    metadata,
    Column("minute_us", Integer, primary_key=True),
    Column("events", Integer, nullable=False),
    Column("bad_lines", Integer, nullable=False),
)

engine_status = Table(
    "engine_status",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("pid", Integer, nullable=False),
    Column("host", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("started_at_us", Integer, nullable=False),
    Column("heartbeat_us", Integer, nullable=False),
    Column("watermark_us", Integer, nullable=False),
    Column("last_event_id", Integer, nullable=False),
    Column("events_per_s", Float, nullable=False),
    Column("backlog_bytes", Integer, nullable=False),
    Column("lag_s", Float, nullable=False),
    Column("change", Integer, nullable=False),
)

live_models = Table(
    "live_models",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("number", Integer),
    Column("name", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("since_us", Integer, nullable=False),
    Column("scored", Integer, nullable=False),
    Column("fired", Integer, nullable=False),
    Column("drift", Text, nullable=False),
    Column("change", Integer, nullable=False),
    Column("novel", Integer, nullable=False, server_default="0"),
    Column("withheld", Integer, nullable=False, server_default="0"),
)

drifts = Table(
    "drifts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("model", Integer, nullable=False),
    Column("at_us", Integer, nullable=False),
    Column("drift", Text, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tag", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("backend", Text, nullable=False),
    Column("label", Text, nullable=False),
    Column("priority", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("subject", Text),
    Column("origin", Text),
    Column("qubits", Integer, nullable=False),
    Column("shots", Integer, nullable=False),
    Column("memory_bytes", Integer, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("cancelled_by", Text),
    Column("queued_at_us", Integer, nullable=False),
    Column("started_at_us", Integer),
    Column("finished_at_us", Integer),
    Column("worker_pid", Integer),
    Column("worker_started", Text),
    Column("intent_at_us", Integer),
    Column("remote_id", Text),
    Column("remote_backend", Text),
    Column("remote_state", Text),
    Column("remote_position", Integer),
    Column("facts", Text, nullable=False),
    Column("change", Integer, nullable=False),
    # Long values last: a list of jobs does not read through them.
    Column("payload", LargeBinary, nullable=False),
    Column("result", LargeBinary),
    Column("log", Text, nullable=False),
    Index("jobs_change", "change"),
    Index("jobs_queue", "state", "priority", "queued_at_us"),
    Index("jobs_queued_at", "queued_at_us"),
    Index("jobs_subject", "subject", sqlite_where=text("subject IS NOT NULL")),
    Index("jobs_tag", "tag", unique=True),
)

escalations = Table(
    "escalations",
    metadata,
    Column("key", Text, primary_key=True),
    Column("alert_id", Text, nullable=False),
    Column("job_id", Text),
    Column("backend", Text, nullable=False),
    Column("severity", Integer, nullable=False),
    Column("detections", Integer, nullable=False),
    Column("model", Text, nullable=False),
    Column("events", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("begun_at_us", Integer, nullable=False),
    Column("deadline_us", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("is_good", Integer),
    Column("ended_at_us", Integer),
    Column("change", Integer, nullable=False),
    Index("escalations_alert", "alert_id", "begun_at_us"),
    Index("escalations_begun_at", "begun_at_us"),
    Index("escalations_waiting", "state", sqlite_where=text("state = 'waiting'")),
)
