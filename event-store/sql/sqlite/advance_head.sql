-- Takes positions for a batch: guards (JSON rows of a stream and its version), number of events, the same again.
-- A guarded stream that does not stand where it is expected makes the new head NULL, which the column refuses.
UPDATE log_head
SET next_position = CASE
    WHEN EXISTS (
        SELECT 1
        FROM json_each(?) AS g
        LEFT JOIN stream_head AS h ON h.aggregate_type = g.value ->> 0 AND h.aggregate_id = g.value ->> 1
        WHERE ifnull(h.version, 0) <> g.value ->> 2
    ) THEN NULL
    ELSE next_position + ?
END
RETURNING next_position - ?;
