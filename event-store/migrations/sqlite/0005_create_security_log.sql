-- Who signed in, who failed to, who was refused: ids and digests, no events.
CREATE TABLE security_entries (
    id      INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    kind    TEXT    NOT NULL,
    subject TEXT    NOT NULL,
    role    TEXT    NOT NULL,
    target  TEXT    NOT NULL
);

CREATE INDEX security_entries_by_subject ON security_entries (subject, id) WHERE subject <> '';

CREATE INDEX security_entries_by_kind ON security_entries (kind, id);
