-- The Merkle tree over the log, in tiles of at most 256 hashes side by side, and its signed heads. What they are made of stands in
-- `events`; what a head says is compared with its copies elsewhere.

-- One row: how many events the newest head covers. Who seals moves it first.
CREATE TABLE seal_state (
    shard INTEGER NOT NULL PRIMARY KEY,
    size  INTEGER NOT NULL
);

INSERT INTO seal_state (shard, size) VALUES (0, 0);

CREATE TABLE seal_tiles (
    level  INTEGER NOT NULL,
    place  INTEGER NOT NULL,
    hashes BLOB    NOT NULL,
    PRIMARY KEY (level, place)
);

CREATE TABLE seal_heads (
    size      INTEGER NOT NULL PRIMARY KEY,
    root      BLOB    NOT NULL,
    note      TEXT    NOT NULL,
    sealed_at INTEGER NOT NULL
);
