-- Password hashes: PHC strings, which name their algorithm and its costs.
CREATE TABLE credential_passwords (
    customer_id TEXT    NOT NULL PRIMARY KEY,
    phc         TEXT    NOT NULL,
    pending     INTEGER NOT NULL CHECK (pending IN (0, 1)),
    put_at      INTEGER NOT NULL -- microseconds since 1970
) STRICT, WITHOUT ROWID;

CREATE INDEX credential_passwords_pending ON credential_passwords (put_at) WHERE pending = 1;

-- Live sessions. Digests only: neither this table nor a copy of it lets anyone in.
CREATE TABLE credential_sessions (
    session_id  TEXT    NOT NULL PRIMARY KEY,
    customer_id TEXT    NOT NULL,
    family      BLOB    NOT NULL UNIQUE CHECK (length(family) = 32),
    token       BLOB    NOT NULL CHECK (length(token) = 32),
    opened_at   INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX credential_sessions_customer ON credential_sessions (customer_id, opened_at);
CREATE INDEX credential_sessions_expiry ON credential_sessions (expires_at);
