DELETE FROM claims
WHERE (namespace, key, aggregate_type, aggregate_id) IN (
    SELECT r.value ->> 0, r.value ->> 1, r.value ->> 2, r.value ->> 3
    FROM json_each($5) AS r
);
