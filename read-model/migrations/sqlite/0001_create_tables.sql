-- A row is a document that is written and read whole, under its key. What SQL filters or sorts by is generated from the
-- document, so that a column can't contradict it.

CREATE TABLE checkpoints (
    projection TEXT NOT NULL,
    version INTEGER NOT NULL,
    "partition" INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    position INTEGER NOT NULL,
    "offset" INTEGER NOT NULL,
    PRIMARY KEY (projection, version, "partition")
) STRICT, WITHOUT ROWID;

CREATE TABLE concerts (
    concert_id TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL
) STRICT;

CREATE TABLE shows (
    show_id TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL,
    concert_id TEXT NOT NULL GENERATED ALWAYS AS (document ->> 'concert_id') VIRTUAL,
    starts_at INTEGER NOT NULL GENERATED ALWAYS AS (document ->> 'starts_at') VIRTUAL
) STRICT;

CREATE INDEX shows_by_start ON shows (starts_at, show_id);
CREATE INDEX shows_by_concert ON shows (concert_id, starts_at, show_id);

CREATE TABLE seat_plans (
    show_id TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL
) STRICT;

CREATE TABLE seat_maps (
    show_id TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL
) STRICT;

CREATE TABLE reservations (
    reservation_id TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL,
    customer_id TEXT NOT NULL GENERATED ALWAYS AS (document ->> 'customer_id') VIRTUAL
) STRICT;

CREATE INDEX reservations_by_customer ON reservations (customer_id, reservation_id);

CREATE TABLE payments (
    payment_id TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL,
    customer_id TEXT NOT NULL GENERATED ALWAYS AS (document ->> 'customer_id') VIRTUAL
) STRICT;

CREATE INDEX payments_by_customer ON payments (customer_id, payment_id);

CREATE TABLE accounts (
    customer_id TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL
) STRICT;

-- The key is the event's position in 20 digits.
CREATE TABLE transactions (
    position TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL,
    customer_id TEXT NOT NULL GENERATED ALWAYS AS (document ->> 'customer_id') VIRTUAL
) STRICT;

CREATE INDEX transactions_by_customer ON transactions (customer_id, position);

CREATE TABLE sagas (
    payment_id TEXT NOT NULL PRIMARY KEY,
    document TEXT NOT NULL,
    state TEXT NOT NULL GENERATED ALWAYS AS (document ->> 'state') VIRTUAL
) STRICT;

CREATE INDEX sagas_by_state ON sagas (state, payment_id);
