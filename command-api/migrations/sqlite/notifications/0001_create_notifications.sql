-- Up to where in the log was read: everything told by an event at or before it is in these tables.
CREATE TABLE notification_checkpoint (
    one      INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO notification_checkpoint (one, position) VALUES (1, 0);

-- What customers are told. Ids are derived from what happened and to whom it is told: each is here once at most.
CREATE TABLE notifications (
    notification_id TEXT    NOT NULL PRIMARY KEY,
    customer_id     TEXT    NOT NULL,
    position        INTEGER NOT NULL, -- of the event, in the log
    ordinal         INTEGER NOT NULL, -- among those told by one event
    kind            TEXT    NOT NULL,
    data            TEXT    NOT NULL, -- JSON, without personal data
    occurred_at     INTEGER NOT NULL  -- microseconds since 1970
) STRICT, WITHOUT ROWID;

CREATE INDEX notifications_customer ON notifications (customer_id, position, ordinal);
CREATE INDEX notifications_position ON notifications (position, ordinal);
CREATE INDEX notifications_age ON notifications (occurred_at);

-- Who wants to be called, by organizer. The secrets that sign the calls are in the key store.
CREATE TABLE notification_webhooks (
    webhook_id      TEXT    NOT NULL PRIMARY KEY,
    organizer_id    TEXT    NOT NULL,
    url             TEXT    NOT NULL,
    kinds           TEXT    NOT NULL, -- JSON array of strings
    since           INTEGER NOT NULL, -- events behind this position are told
    created_at      INTEGER NOT NULL,
    disabled_at     INTEGER,
    disabled_reason TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX notification_webhooks_organizer ON notification_webhooks (organizer_id, webhook_id);

-- What is sent to somebody elsewhere, and how that stands.
CREATE TABLE notification_deliveries (
    notification_id TEXT    NOT NULL PRIMARY KEY,
    channel         TEXT    NOT NULL CHECK (channel IN ('email', 'webhook')),
    recipient       TEXT    NOT NULL, -- customer or webhook
    lane            TEXT    NOT NULL, -- what takes turns: a webhook, or all e-mail
    position        INTEGER NOT NULL,
    ordinal         INTEGER NOT NULL,
    kind            TEXT    NOT NULL,
    data            TEXT    NOT NULL,
    occurred_at     INTEGER NOT NULL,
    state           TEXT    NOT NULL CHECK (state IN ('pending', 'sent', 'dropped', 'dead')),
    attempts        INTEGER NOT NULL,
    next_at         INTEGER NOT NULL, -- of the next try, while pending; when it was settled, afterwards
    reason          TEXT              -- of the last failure
) STRICT, WITHOUT ROWID;

CREATE INDEX notification_deliveries_due ON notification_deliveries (lane, next_at) WHERE state = 'pending';
CREATE INDEX notification_deliveries_oldest ON notification_deliveries (occurred_at) WHERE state = 'pending';
CREATE INDEX notification_deliveries_dead ON notification_deliveries (position, notification_id) WHERE state = 'dead';
CREATE INDEX notification_deliveries_settled ON notification_deliveries (next_at) WHERE state <> 'pending';
