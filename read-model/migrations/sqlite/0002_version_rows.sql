-- Each row and checkpoint belongs to a version of its projection, of which several may stand side by side: the live one, which readers
-- see, one that is being built, one that is kept to go back to. What was projected before is thrown away: projections make it anew from
-- the log.

DROP TABLE checkpoints;
DROP TABLE concerts;
DROP TABLE shows;
DROP TABLE seat_plans;
DROP TABLE seat_maps;
DROP TABLE reservations;
DROP TABLE payments;
DROP TABLE accounts;
DROP TABLE transactions;
DROP TABLE sagas;

-- A dropped version stays, so that its number is not used again.
CREATE TABLE versions (
    projection TEXT NOT NULL,
    version INTEGER NOT NULL,
    fold INTEGER NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('building', 'live', 'retired', 'dropped')),
    PRIMARY KEY (projection, version)
) STRICT, WITHOUT ROWID;

CREATE UNIQUE INDEX versions_live ON versions (projection) WHERE state = 'live';

CREATE TABLE checkpoints (
    projection TEXT NOT NULL,
    version INTEGER NOT NULL,
    "partition" INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    position INTEGER NOT NULL,
    "offset" INTEGER NOT NULL,
    PRIMARY KEY (projection, version, "partition")
) STRICT, WITHOUT ROWID;

-- Events that could not be projected, and those of the same routing key behind them.
CREATE TABLE parked (
    projection TEXT NOT NULL,
    version INTEGER NOT NULL,
    key TEXT NOT NULL,
    position INTEGER NOT NULL,
    "partition" INTEGER NOT NULL,
    event TEXT NOT NULL,
    reason TEXT NOT NULL,
    parked_at INTEGER NOT NULL,
    PRIMARY KEY (projection, version, key, position)
) STRICT, WITHOUT ROWID;

-- Where readers are: the live version of each projection, the least of its checkpoints, and the first of its parked events.
CREATE VIEW live AS
SELECT
    versions.projection,
    versions.version,
    (SELECT coalesce(min(checkpoints.position), 0) FROM checkpoints
        WHERE checkpoints.projection = versions.projection AND checkpoints.version = versions.version) AS position,
    (SELECT min(parked.position) FROM parked
        WHERE parked.projection = versions.projection AND parked.version = versions.version) AS parked
FROM versions
WHERE versions.state = 'live';

CREATE TABLE concerts (
    version INTEGER NOT NULL,
    concert_id TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (version, concert_id)
) STRICT;

CREATE TABLE shows (
    version INTEGER NOT NULL,
    show_id TEXT NOT NULL,
    document TEXT NOT NULL,
    concert_id TEXT NOT NULL GENERATED ALWAYS AS (document ->> 'concert_id') VIRTUAL,
    starts_at INTEGER NOT NULL GENERATED ALWAYS AS (document ->> 'starts_at') VIRTUAL,
    PRIMARY KEY (version, show_id)
) STRICT;

CREATE INDEX shows_by_start ON shows (version, starts_at, show_id);
CREATE INDEX shows_by_concert ON shows (version, concert_id, starts_at, show_id);

CREATE TABLE seat_plans (
    version INTEGER NOT NULL,
    show_id TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (version, show_id)
) STRICT;

CREATE TABLE seat_maps (
    version INTEGER NOT NULL,
    show_id TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (version, show_id)
) STRICT;

CREATE TABLE reservations (
    version INTEGER NOT NULL,
    reservation_id TEXT NOT NULL,
    document TEXT NOT NULL,
    customer_id TEXT NOT NULL GENERATED ALWAYS AS (document ->> 'customer_id') VIRTUAL,
    PRIMARY KEY (version, reservation_id)
) STRICT;

CREATE INDEX reservations_by_customer ON reservations (version, customer_id, reservation_id);

CREATE TABLE payments (
    version INTEGER NOT NULL,
    payment_id TEXT NOT NULL,
    document TEXT NOT NULL,
    customer_id TEXT NOT NULL GENERATED ALWAYS AS (document ->> 'customer_id') VIRTUAL,
    PRIMARY KEY (version, payment_id)
) STRICT;

CREATE INDEX payments_by_customer ON payments (version, customer_id, payment_id);

CREATE TABLE accounts (
    version INTEGER NOT NULL,
    customer_id TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (version, customer_id)
) STRICT;

-- The key is the event's position in 20 digits.
CREATE TABLE transactions (
    version INTEGER NOT NULL,
    position TEXT NOT NULL,
    document TEXT NOT NULL,
    customer_id TEXT NOT NULL GENERATED ALWAYS AS (document ->> 'customer_id') VIRTUAL,
    PRIMARY KEY (version, position)
) STRICT;

CREATE INDEX transactions_by_customer ON transactions (version, customer_id, position);

CREATE TABLE sagas (
    version INTEGER NOT NULL,
    payment_id TEXT NOT NULL,
    document TEXT NOT NULL,
    state TEXT NOT NULL GENERATED ALWAYS AS (document ->> 'state') VIRTUAL,
    PRIMARY KEY (version, payment_id)
) STRICT;

CREATE INDEX sagas_by_state ON sagas (version, state, payment_id);
