CREATE TABLE live_models (
    id INTEGER NOT NULL,
    number INTEGER,
    name TEXT NOT NULL,
    state TEXT NOT NULL,
    detail TEXT NOT NULL,
    since_us INTEGER NOT NULL,
    scored INTEGER NOT NULL,
    fired INTEGER NOT NULL,
    drift TEXT NOT NULL,
    change INTEGER NOT NULL,
    PRIMARY KEY (id)
);
CREATE TABLE drifts (
    id INTEGER NOT NULL,
    model INTEGER NOT NULL,
    at_us INTEGER NOT NULL,
    drift TEXT NOT NULL,
    PRIMARY KEY (id)
);
