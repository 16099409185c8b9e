-- Password hashes: PHC strings, which name their algorithm and its costs.
CREATE TABLE credentials.passwords (
    customer_id uuid        NOT NULL PRIMARY KEY,
    phc         text        NOT NULL,
    pending     boolean     NOT NULL,
    put_at      timestamptz NOT NULL
);

CREATE INDEX passwords_pending ON credentials.passwords (put_at) WHERE pending;

-- Live sessions. Digests only: neither this table nor a copy of it lets anyone in.
CREATE TABLE credentials.sessions (
    session_id  uuid        NOT NULL PRIMARY KEY,
    customer_id uuid        NOT NULL,
    family      bytea       NOT NULL UNIQUE CHECK (length(family) = 32),
    token       bytea       NOT NULL CHECK (length(token) = 32),
    opened_at   timestamptz NOT NULL,
    expires_at  timestamptz NOT NULL
);

CREATE INDEX sessions_customer ON credentials.sessions (customer_id, opened_at);
CREATE INDEX sessions_expiry ON credentials.sessions (expires_at);
