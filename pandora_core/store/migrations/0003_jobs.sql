CREATE TABLE jobs (
    id TEXT NOT NULL,
    tag TEXT NOT NULL,
    kind TEXT NOT NULL,
    backend TEXT NOT NULL,
    label TEXT NOT NULL,
    priority INTEGER NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    actor TEXT NOT NULL,
    host TEXT NOT NULL,
    subject TEXT,
    origin TEXT,
    qubits INTEGER NOT NULL,
    shots INTEGER NOT NULL,
    memory_bytes INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    cancelled_by TEXT,
    queued_at_us INTEGER NOT NULL,
    started_at_us INTEGER,
    finished_at_us INTEGER,
    worker_pid INTEGER,
    worker_started TEXT,
    intent_at_us INTEGER,
    remote_id TEXT,
    remote_backend TEXT,
    remote_state TEXT,
    remote_position INTEGER,
    facts TEXT NOT NULL,
    change INTEGER NOT NULL,
    payload BLOB NOT NULL,
    result BLOB,
    log TEXT NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX jobs_change ON jobs (change);
CREATE INDEX jobs_queue ON jobs (state, priority, queued_at_us);
CREATE INDEX jobs_queued_at ON jobs (queued_at_us);
CREATE INDEX jobs_subject ON jobs (subject) WHERE subject IS NOT NULL;
CREATE UNIQUE INDEX jobs_tag ON jobs (tag);
