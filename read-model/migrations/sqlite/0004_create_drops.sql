CREATE TABLE drops (
    version INTEGER NOT NULL,
    drop_id TEXT NOT NULL,
    document TEXT NOT NULL,
    PRIMARY KEY (version, drop_id)
) STRICT;

CREATE TABLE drop_entries (
    version INTEGER NOT NULL,
    entry_id TEXT NOT NULL,
    document TEXT NOT NULL,
    drop_id TEXT NOT NULL GENERATED ALWAYS AS (document ->> 'drop_id') VIRTUAL,
    number INTEGER NOT NULL GENERATED ALWAYS AS (document ->> 'number') VIRTUAL,
    PRIMARY KEY (version, entry_id)
) STRICT;

-- The proof shows a drop's entries in the order of its list.
CREATE INDEX drop_entries_by_number ON drop_entries (version, drop_id, number);
