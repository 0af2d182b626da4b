CREATE TABLE actions (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    actor TEXT NOT NULL,
    host TEXT NOT NULL,
    at_us INTEGER NOT NULL,
    subject TEXT NOT NULL,
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    undoes INTEGER,
    event_id INTEGER NOT NULL,
    change INTEGER NOT NULL
);
CREATE INDEX actions_change ON actions (change);
CREATE INDEX actions_subject ON actions (subject);
CREATE TABLE alerts (
    id TEXT NOT NULL,
    entity TEXT NOT NULL,
    severity INTEGER NOT NULL,
    risk FLOAT NOT NULL,
    first_seen_us INTEGER NOT NULL,
    last_seen_us INTEGER NOT NULL,
    body TEXT NOT NULL,
    change INTEGER NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX alerts_change ON alerts (change);
CREATE INDEX alerts_entity ON alerts (entity);
CREATE INDEX alerts_risk ON alerts (risk);
CREATE TABLE bad_lines (
    id INTEGER NOT NULL,
    file_id INTEGER NOT NULL,
    line_number INTEGER NOT NULL,
    position INTEGER NOT NULL,
    reason TEXT NOT NULL,
    excerpt TEXT NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX bad_lines_file ON bad_lines (file_id);
CREATE TABLE counters (
    name TEXT NOT NULL,
    value INTEGER NOT NULL,
    PRIMARY KEY (name)
);
CREATE TABLE detections (
    id TEXT NOT NULL,
    detector TEXT NOT NULL,
    entity TEXT NOT NULL,
    alert_id TEXT,
    first_seen_us INTEGER NOT NULL,
    last_seen_us INTEGER NOT NULL,
    points FLOAT NOT NULL,
    body TEXT NOT NULL,
    change INTEGER NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX detections_alert ON detections (alert_id);
CREATE INDEX detections_change ON detections (change);
CREATE INDEX detections_entity ON detections (entity);
CREATE TABLE edges (
    kind TEXT NOT NULL,
    source TEXT NOT NULL,
    destination TEXT NOT NULL,
    user_name TEXT NOT NULL,
    source_name TEXT NOT NULL,
    destination_name TEXT NOT NULL,
    first_seen_us INTEGER NOT NULL,
    last_seen_us INTEGER NOT NULL,
    count INTEGER NOT NULL,
    change INTEGER NOT NULL,
    PRIMARY KEY (kind, source, destination, user_name)
)
 WITHOUT ROWID;
CREATE INDEX edges_change ON edges (change);
CREATE TABLE engine_status (
    id INTEGER NOT NULL,
    pid INTEGER NOT NULL,
    host TEXT NOT NULL,
    version TEXT NOT NULL,
    state TEXT NOT NULL,
    started_at_us INTEGER NOT NULL,
    heartbeat_us INTEGER NOT NULL,
    watermark_us INTEGER NOT NULL,
    last_event_id INTEGER NOT NULL,
    events_per_s FLOAT NOT NULL,
    backlog_bytes INTEGER NOT NULL,
    lag_s FLOAT NOT NULL,
    change INTEGER NOT NULL,
    PRIMARY KEY (id)
);
CREATE TABLE entities (
    entity TEXT NOT NULL,
    evidence FLOAT NOT NULL,
    as_of_us INTEGER NOT NULL,
    rank FLOAT NOT NULL,
    first_seen_us INTEGER NOT NULL,
    last_seen_us INTEGER NOT NULL,
    detections INTEGER NOT NULL,
    body TEXT NOT NULL,
    change INTEGER NOT NULL,
    PRIMARY KEY (entity)
);
CREATE INDEX entities_change ON entities (change);
CREATE INDEX entities_rank ON entities (rank);
CREATE TABLE events (
    id INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    file_id INTEGER NOT NULL,
    position INTEGER NOT NULL,
    length INTEGER NOT NULL,
    line_number INTEGER NOT NULL,
    dataset TEXT NOT NULL,
    source_ip TEXT,
    destination_ip TEXT,
    host TEXT,
    user_name TEXT,
    body TEXT NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX events_at ON events (at_us);
CREATE INDEX events_destination_ip ON events (destination_ip) WHERE destination_ip IS NOT NULL;
CREATE INDEX events_host ON events (host) WHERE host IS NOT NULL;
CREATE INDEX events_source_ip ON events (source_ip) WHERE source_ip IS NOT NULL;
CREATE INDEX events_user_name ON events (user_name) WHERE user_name IS NOT NULL;
CREATE TABLE files (
    id INTEGER NOT NULL,
    path TEXT NOT NULL,
    member TEXT NOT NULL,
    format TEXT NOT NULL,
    head_hash TEXT NOT NULL,
    checkpoint TEXT NOT NULL,
    events INTEGER NOT NULL,
    bad_lines INTEGER NOT NULL,
    first_event_us INTEGER,
    last_event_us INTEGER,
    last_read_us INTEGER NOT NULL,
    backlog_bytes INTEGER NOT NULL,
    state TEXT NOT NULL,
    detail TEXT NOT NULL,
    change INTEGER NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX files_change ON files (change);
CREATE INDEX files_head_hash ON files (head_hash);
CREATE TABLE gone_alerts (
    id TEXT NOT NULL,
    successor TEXT,
    change INTEGER NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX gone_alerts_change ON gone_alerts (change);
CREATE TABLE imports (
    id INTEGER NOT NULL,
    patterns TEXT NOT NULL,
    format TEXT NOT NULL,
    requested_at_us INTEGER NOT NULL,
    state TEXT NOT NULL,
    summary TEXT NOT NULL,
    change INTEGER NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX imports_change ON imports (change);
CREATE TABLE raw_lines (
    event_id INTEGER NOT NULL,
    path TEXT NOT NULL,
    line_number INTEGER NOT NULL,
    line BLOB NOT NULL,
    PRIMARY KEY (event_id)
);
CREATE TABLE settings (
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (name)
);
CREATE TABLE shown_events (
    detection_id TEXT NOT NULL,
    event_id INTEGER NOT NULL,
    PRIMARY KEY (detection_id, event_id)
)
 WITHOUT ROWID;
CREATE INDEX shown_events_event ON shown_events (event_id);
CREATE TABLE snapshots (
    id INTEGER NOT NULL,
    event_id INTEGER NOT NULL,
    taken_at_us INTEGER NOT NULL,
    version TEXT NOT NULL,
    state BLOB NOT NULL,
    PRIMARY KEY (id)
);
CREATE TABLE sources (
    id INTEGER NOT NULL,
    pattern TEXT NOT NULL,
    format TEXT NOT NULL,
    "temporary" INTEGER NOT NULL,
    added_at_us INTEGER NOT NULL,
    removed_at_us INTEGER,
    change INTEGER NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX sources_change ON sources (change);
CREATE TABLE throughput (
    minute_us INTEGER NOT NULL,
    events INTEGER NOT NULL,
    bad_lines INTEGER NOT NULL,
    PRIMARY KEY (minute_us)
);
INSERT INTO counters (name, value) VALUES ('change', 0);
