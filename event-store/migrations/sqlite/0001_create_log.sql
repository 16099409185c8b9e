-- The log. Names, columns and forms of what is stored are permanent. Times are UTC, RFC 3339 with six digits, so that text order
-- is time order; ids of commands and events are UUIDs as text.

CREATE TABLE events (
    aggregate_type TEXT    NOT NULL,
    aggregate_id   TEXT    NOT NULL,
    sequence       INTEGER NOT NULL,
    event_type     TEXT    NOT NULL,
    event_version  TEXT    NOT NULL,
    payload        TEXT    NOT NULL,
    metadata       TEXT    NOT NULL,
    position       INTEGER NOT NULL,
    shard          INTEGER NOT NULL,
    epoch          INTEGER NOT NULL,
    event_id       TEXT    NOT NULL,
    command_id     TEXT    NOT NULL,
    routing_key    TEXT    NOT NULL,
    recorded_at    TEXT    NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence)
);

CREATE UNIQUE INDEX events_by_position ON events (position);

CREATE UNIQUE INDEX events_by_event_id ON events (event_id);

-- One row: whoever commits takes its positions here.
CREATE TABLE log_head (
    shard         INTEGER NOT NULL PRIMARY KEY,
    next_position INTEGER NOT NULL,
    epoch         INTEGER NOT NULL
);

INSERT INTO log_head (shard, next_position, epoch) VALUES (0, 1, 0);

CREATE TABLE stream_head (
    aggregate_type TEXT    NOT NULL,
    aggregate_id   TEXT    NOT NULL,
    version        INTEGER NOT NULL,
    position       INTEGER NOT NULL,
    recorded_at    TEXT    NOT NULL,
    wake_at        TEXT,
    PRIMARY KEY (aggregate_type, aggregate_id)
) WITHOUT ROWID;

CREATE INDEX stream_head_by_wake_at ON stream_head (aggregate_type, wake_at) WHERE wake_at IS NOT NULL;

CREATE TABLE commands (
    command_id     TEXT    NOT NULL PRIMARY KEY,
    fingerprint    BLOB    NOT NULL,
    first_position INTEGER NOT NULL,
    last_position  INTEGER NOT NULL
) WITHOUT ROWID;

-- One row: the commands of events up to here were pruned, save those that are kept for ever.
CREATE TABLE commands_pruned (
    shard    INTEGER NOT NULL PRIMARY KEY,
    position INTEGER NOT NULL
);

INSERT INTO commands_pruned (shard, position) VALUES (0, 0);

CREATE TABLE claims (
    namespace      TEXT NOT NULL,
    key            TEXT NOT NULL,
    aggregate_type TEXT NOT NULL,
    aggregate_id   TEXT NOT NULL,
    PRIMARY KEY (namespace, key)
) WITHOUT ROWID;

-- Never the truth: may be emptied at any time.
CREATE TABLE snapshots (
    aggregate_type TEXT    NOT NULL,
    aggregate_id   TEXT    NOT NULL,
    schema         INTEGER NOT NULL,
    version        INTEGER NOT NULL,
    payload        TEXT    NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id)
);
