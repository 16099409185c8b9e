-- The Merkle tree over the log, in tiles of at most 256 hashes side by side, and its signed heads. What they are made of stands in
-- `events`; what a head says is compared with its copies elsewhere.

-- One row: how many events the newest head covers. Who seals moves it first.
CREATE TABLE seal_state (
    shard bigint NOT NULL PRIMARY KEY,
    size  bigint NOT NULL
) WITH (fillfactor = 10);

INSERT INTO seal_state (shard, size) VALUES (0, 0);

CREATE TABLE seal_tiles (
    level  integer NOT NULL,
    place  bigint  NOT NULL,
    hashes bytea   NOT NULL,
    PRIMARY KEY (level, place)
);

-- Hashes don't compress.
ALTER TABLE seal_tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;

CREATE TABLE seal_heads (
    size      bigint      NOT NULL PRIMARY KEY,
    root      bytea       NOT NULL,
    note      text        NOT NULL,
    sealed_at timestamptz NOT NULL
);
