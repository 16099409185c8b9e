-- Takes $2 positions. A stream that does not stand exactly where it is expected makes the new head NULL, which the column
-- refuses: the batch fails before anything is inserted.
UPDATE log_head
SET next_position = CASE
    WHEN EXISTS (
        SELECT 1
        FROM json_each($1) AS s
        LEFT JOIN stream_head AS h ON h.aggregate_type = s.value ->> 0 AND h.aggregate_id = s.value ->> 1
        WHERE ifnull(h.version, 0) <> s.value ->> 2
    ) THEN NULL
    ELSE next_position + $2
END
RETURNING next_position - $2;
