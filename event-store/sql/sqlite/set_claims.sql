-- What the stream itself holds stays as it is; what another holds becomes NULL, which the column refuses.
INSERT INTO claims (namespace, key, aggregate_type, aggregate_id)
WITH batch (namespace, key, aggregate_type, aggregate_id) AS (VALUES
    (?, ?, ?, ?)
)
SELECT namespace, key, aggregate_type, aggregate_id
FROM batch
WHERE namespace IS NOT NULL
ON CONFLICT (namespace, key) DO UPDATE SET
    aggregate_type = CASE
        WHEN claims.aggregate_type = excluded.aggregate_type AND claims.aggregate_id = excluded.aggregate_id
        THEN claims.aggregate_type
    END;
