-- A row is a document that is written and read whole, under its key. Documents are text: they come back byte for byte. What SQL filters
-- or sorts by is generated from the document, so that a column can't contradict it; but in tables that every purchase writes to it is
-- written by the function that writes rows, at two thirds of the cost (decision 0013).
--
-- Each row and checkpoint belongs to a version of its projection, of which several may stand side by side: the live one, which readers
-- see, one that is being built, one that is kept to go back to.
--
-- Rows that are written over and over leave room on their pages, so that a new value needs no new entry in an index.

-- A dropped version stays, so that its number is not used again.
CREATE TABLE versions (
    projection text NOT NULL,
    version integer NOT NULL,
    fold integer NOT NULL,
    state text NOT NULL CHECK (state IN ('building', 'live', 'retired', 'dropped')),
    PRIMARY KEY (projection, version)
);

CREATE UNIQUE INDEX versions_live ON versions (projection) WHERE state = 'live';

CREATE TABLE checkpoints (
    projection text NOT NULL,
    version integer NOT NULL,
    partition integer NOT NULL,
    epoch bigint NOT NULL,
    position bigint NOT NULL,
    "offset" bigint NOT NULL,
    PRIMARY KEY (projection, version, partition)
) WITH (fillfactor = 10);

-- Events that could not be projected, and those of the same routing key behind them.
CREATE TABLE parked (
    projection text NOT NULL,
    version integer NOT NULL,
    key text COLLATE "C" NOT NULL,
    position bigint NOT NULL,
    partition integer NOT NULL,
    event text NOT NULL,
    reason text NOT NULL,
    parked_at bigint NOT NULL,
    PRIMARY KEY (projection, version, key, position)
);

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
    version integer NOT NULL,
    concert_id uuid NOT NULL,
    document text NOT NULL,
    PRIMARY KEY (version, concert_id)
);

CREATE TABLE shows (
    version integer NOT NULL,
    show_id uuid NOT NULL,
    document text NOT NULL,
    concert_id uuid NOT NULL GENERATED ALWAYS AS ((document::json ->> 'concert_id')::uuid) STORED,
    starts_at bigint NOT NULL GENERATED ALWAYS AS ((document::json ->> 'starts_at')::bigint) STORED,
    PRIMARY KEY (version, show_id)
);

CREATE INDEX shows_by_start ON shows (version, starts_at, show_id);
CREATE INDEX shows_by_concert ON shows (version, concert_id, starts_at, show_id);

CREATE TABLE seat_plans (
    version integer NOT NULL,
    show_id uuid NOT NULL,
    document text NOT NULL,
    PRIMARY KEY (version, show_id)
);

-- Counts are stored, so that a list of shows does not read their maps.
CREATE TABLE seat_maps (
    version integer NOT NULL,
    show_id uuid NOT NULL,
    document text NOT NULL,
    counts text NOT NULL GENERATED ALWAYS AS (document::json ->> 'counts') STORED,
    PRIMARY KEY (version, show_id)
) WITH (fillfactor = 50);

CREATE TABLE reservations (
    version integer NOT NULL,
    reservation_id uuid NOT NULL,
    document text NOT NULL,
    customer_id uuid NOT NULL,
    PRIMARY KEY (version, reservation_id)
) WITH (fillfactor = 70);

CREATE INDEX reservations_by_customer ON reservations (version, customer_id, reservation_id);

CREATE TABLE payments (
    version integer NOT NULL,
    payment_id uuid NOT NULL,
    document text NOT NULL,
    customer_id uuid NOT NULL,
    PRIMARY KEY (version, payment_id)
) WITH (fillfactor = 70);

CREATE INDEX payments_by_customer ON payments (version, customer_id, payment_id);

CREATE TABLE accounts (
    version integer NOT NULL,
    customer_id uuid NOT NULL,
    document text NOT NULL,
    PRIMARY KEY (version, customer_id)
) WITH (fillfactor = 70);

-- The key is the event's position.
CREATE TABLE transactions (
    version integer NOT NULL,
    position bigint NOT NULL,
    document text NOT NULL,
    customer_id uuid NOT NULL,
    PRIMARY KEY (version, position)
);

CREATE INDEX transactions_by_customer ON transactions (version, customer_id, position);

-- The index by state is the one that a step of a saga changes.
CREATE TABLE sagas (
    version integer NOT NULL,
    payment_id uuid NOT NULL,
    document text NOT NULL,
    state text COLLATE "C" NOT NULL,
    PRIMARY KEY (version, payment_id)
) WITH (fillfactor = 70);

CREATE INDEX sagas_by_state ON sagas (version, state, payment_id);
