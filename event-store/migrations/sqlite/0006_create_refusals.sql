-- Commands that were refused: no events, for they changed nothing. The first of each subject are kept, all are counted.
CREATE TABLE refusals (
    id             INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    subject        TEXT    NOT NULL,
    number         INTEGER NOT NULL,
    refusal_id     TEXT    NOT NULL,
    at             INTEGER NOT NULL,
    command        TEXT    NOT NULL,
    command_id     TEXT    NOT NULL,
    code           TEXT    NOT NULL,
    detail         TEXT    NOT NULL,
    actor          TEXT    NOT NULL,
    correlation_id TEXT    NOT NULL,
    position       INTEGER NOT NULL
);

CREATE UNIQUE INDEX refusals_by_subject ON refusals (subject, number);

CREATE INDEX refusals_by_actor ON refusals (actor, position);

CREATE INDEX refusals_by_correlation ON refusals (correlation_id) WHERE correlation_id <> '';

CREATE TABLE refusal_counts (
    subject TEXT    NOT NULL PRIMARY KEY,
    refused INTEGER NOT NULL,
    last_at INTEGER NOT NULL
) WITHOUT ROWID;
