-- One personal-data key per customer. A destroyed one leaves its row behind, without the key, so that no other takes its place.
CREATE TABLE personal_keys (
    customer_id  TEXT    NOT NULL PRIMARY KEY,
    key          BLOB    CHECK (key IS NULL OR length(key) = 32),
    pending      INTEGER NOT NULL CHECK (pending IN (0, 1)),
    created_at   INTEGER NOT NULL, -- microseconds since 1970
    destroyed_at INTEGER,
    CHECK ((key IS NULL) = (destroyed_at IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX personal_keys_pending ON personal_keys (created_at) WHERE pending = 1;

-- Keys of keyed digests and other secrets, by name.
CREATE TABLE secrets (
    name  TEXT NOT NULL PRIMARY KEY,
    bytes BLOB NOT NULL CHECK (length(bytes) = 32)
) STRICT, WITHOUT ROWID;
