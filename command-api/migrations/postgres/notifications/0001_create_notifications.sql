-- Up to where in the log was read: everything told by an event at or before it is in these tables.
CREATE TABLE notifications.checkpoint (
    one      integer NOT NULL PRIMARY KEY CHECK (one = 1),
    position bigint  NOT NULL
);

INSERT INTO notifications.checkpoint (one, position) VALUES (1, 0);

-- What customers are told. Ids are derived from what happened and to whom it is told: each is here once at most.
CREATE TABLE notifications.notifications (
    notification_id uuid        NOT NULL PRIMARY KEY,
    customer_id     uuid        NOT NULL,
    position        bigint      NOT NULL, -- of the event, in the log
    ordinal         bigint      NOT NULL, -- among those told by one event
    kind            text        NOT NULL,
    data            text        NOT NULL, -- JSON, without personal data
    occurred_at     timestamptz NOT NULL
);

CREATE INDEX notifications_customer ON notifications.notifications (customer_id, position, ordinal);
CREATE INDEX notifications_position ON notifications.notifications (position, ordinal);
CREATE INDEX notifications_age ON notifications.notifications (occurred_at);

-- Who wants to be called, by organizer. The secrets that sign the calls are in the key store.
CREATE TABLE notifications.webhooks (
    webhook_id      uuid        NOT NULL PRIMARY KEY,
    organizer_id    uuid        NOT NULL,
    url             text        NOT NULL,
    kinds           text        NOT NULL, -- JSON array of strings
    since           bigint      NOT NULL, -- events behind this position are told
    created_at      timestamptz NOT NULL,
    disabled_at     timestamptz,
    disabled_reason text
);

CREATE INDEX webhooks_organizer ON notifications.webhooks (organizer_id, webhook_id);

-- What is sent to somebody elsewhere, and how that stands.
CREATE TABLE notifications.deliveries (
    notification_id uuid        NOT NULL PRIMARY KEY,
    channel         text        NOT NULL CHECK (channel IN ('email', 'webhook')),
    recipient       uuid        NOT NULL, -- customer or webhook
    lane            uuid        NOT NULL, -- what takes turns: a webhook, or all e-mail
    position        bigint      NOT NULL,
    ordinal         bigint      NOT NULL,
    kind            text        NOT NULL,
    data            text        NOT NULL,
    occurred_at     timestamptz NOT NULL,
    state           text        NOT NULL CHECK (state IN ('pending', 'sent', 'dropped', 'dead')),
    attempts        bigint      NOT NULL,
    next_at         timestamptz NOT NULL, -- of the next try, while pending; when it was settled, afterwards
    reason          text                  -- of the last failure
);

CREATE INDEX deliveries_due ON notifications.deliveries (lane, next_at) WHERE state = 'pending';
CREATE INDEX deliveries_oldest ON notifications.deliveries (occurred_at) WHERE state = 'pending';
CREATE INDEX deliveries_dead ON notifications.deliveries (position, notification_id) WHERE state = 'dead';
CREATE INDEX deliveries_settled ON notifications.deliveries (next_at) WHERE state <> 'pending';
