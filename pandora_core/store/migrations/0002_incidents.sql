CREATE TABLE incidents (
    id TEXT NOT NULL,
    severity INTEGER NOT NULL,
    risk FLOAT NOT NULL,
    first_seen_us INTEGER NOT NULL,
    last_seen_us INTEGER NOT NULL,
    body TEXT NOT NULL,
    change INTEGER NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX incidents_change ON incidents (change);
CREATE INDEX incidents_last_seen ON incidents (last_seen_us);
CREATE TABLE gone_incidents (
    id TEXT NOT NULL,
    successor TEXT,
    change INTEGER NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX gone_incidents_change ON gone_incidents (change);
CREATE INDEX detections_last_seen ON detections (last_seen_us);
