-- JSON rows of a claim and the stream that gives it back.
DELETE FROM claims
WHERE (namespace, key) IN (
    SELECT r.value ->> 0, r.value ->> 1
    FROM json_each(?) AS r
    JOIN claims AS held ON held.namespace = r.value ->> 0 AND held.key = r.value ->> 1
    WHERE held.aggregate_type = r.value ->> 2 AND held.aggregate_id = r.value ->> 3
);
