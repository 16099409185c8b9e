-- One personal-data key per customer. A destroyed one leaves its row behind, without the key, so that no other takes its place.
CREATE TABLE personal_keys (
    customer_id  uuid        NOT NULL PRIMARY KEY,
    key          bytea       CHECK (key IS NULL OR length(key) = 32),
    pending      boolean     NOT NULL,
    created_at   timestamptz NOT NULL,
    destroyed_at timestamptz,
    CHECK ((key IS NULL) = (destroyed_at IS NOT NULL))
);

CREATE INDEX personal_keys_pending ON personal_keys (created_at) WHERE pending;

-- Keys of keyed digests and other secrets, by name.
CREATE TABLE secrets (
    name  text COLLATE "C" NOT NULL PRIMARY KEY,
    bytes bytea            NOT NULL CHECK (length(bytes) = 32)
);
