-- A table of its own: whatever else keeps tables in this database keeps its own.
CREATE TABLE IF NOT EXISTS log_migrations (
    version     bigint      NOT NULL PRIMARY KEY,
    description text        NOT NULL,
    checksum    bytea       NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT now()
);
