-- Who signed in, who failed to, who was refused: ids and digests, no events.
CREATE TABLE security_entries (
    id      bigint      NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at      timestamptz NOT NULL,
    kind    text        NOT NULL,
    subject text        NOT NULL,
    role    text        NOT NULL,
    target  text        NOT NULL
);

CREATE INDEX security_entries_by_subject ON security_entries (subject, id) WHERE subject <> '';

CREATE INDEX security_entries_by_kind ON security_entries (kind, id);
