CREATE TABLE graph_snapshots (
    id INTEGER NOT NULL,
    event_id INTEGER NOT NULL,
    taken_at_us INTEGER NOT NULL,
    version TEXT NOT NULL,
    state BLOB NOT NULL,
    PRIMARY KEY (id)
);
