-- Two processes may fold the same stream: the longer fold stays. Not worth waiting for a standby: it is never the truth.
WITH relaxed AS (SELECT set_config('synchronous_commit', 'local', true))
INSERT INTO snapshots (aggregate_type, aggregate_id, schema, version, payload)
SELECT $1, $2, $3, $4, $5 FROM relaxed
ON CONFLICT (aggregate_type, aggregate_id) DO UPDATE SET
    schema = excluded.schema,
    version = excluded.version,
    payload = excluded.payload
WHERE excluded.schema <> snapshots.schema OR excluded.version > snapshots.version;
