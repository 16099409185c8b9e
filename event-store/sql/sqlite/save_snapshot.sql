-- Two processes may fold the same stream: the longer fold stays.
INSERT INTO snapshots (aggregate_type, aggregate_id, schema, version, payload)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (aggregate_type, aggregate_id) DO UPDATE SET
    schema = excluded.schema,
    version = excluded.version,
    payload = excluded.payload
WHERE excluded.schema <> snapshots.schema OR excluded.version > snapshots.version;
