UPDATE stream_head SET wake_at = t.value ->> 2
FROM json_each($1) AS t
WHERE stream_head.aggregate_type = t.value ->> 0 AND stream_head.aggregate_id = t.value ->> 1;
