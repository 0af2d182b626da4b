CREATE TABLE escalations (
    key TEXT NOT NULL,
    alert_id TEXT NOT NULL,
    job_id TEXT,
    backend TEXT NOT NULL,
    severity INTEGER NOT NULL,
    detections INTEGER NOT NULL,
    model TEXT NOT NULL,
    events TEXT NOT NULL,
    why TEXT NOT NULL,
    begun_at_us INTEGER NOT NULL,
    deadline_us INTEGER NOT NULL,
    state TEXT NOT NULL,
    is_good INTEGER,
    ended_at_us INTEGER,
    change INTEGER NOT NULL,
    PRIMARY KEY (key)
);
CREATE INDEX escalations_alert ON escalations (alert_id, begun_at_us);
CREATE INDEX escalations_begun_at ON escalations (begun_at_us);
CREATE INDEX escalations_waiting ON escalations (state) WHERE state = 'waiting';
