-- What the stream itself holds stays as it is; what another holds becomes NULL, which the column refuses.
INSERT INTO claims (namespace, key, aggregate_type, aggregate_id)
SELECT c.value ->> 0, c.value ->> 1, c.value ->> 2, c.value ->> 3
FROM json_each($6) AS c
WHERE true
ON CONFLICT (namespace, key) DO UPDATE SET
    aggregate_type = CASE
        WHEN claims.aggregate_type = excluded.aggregate_type AND claims.aggregate_id = excluded.aggregate_id
        THEN claims.aggregate_type
    END;
