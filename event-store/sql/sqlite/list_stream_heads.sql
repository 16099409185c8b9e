-- One row for the whole page: a page is read by those who read everything, and a row costs more than what is in it.
SELECT json_group_array(json_array(aggregate_type, aggregate_id, version, position, recorded_at, wake_at))
FROM (
    SELECT aggregate_type, aggregate_id, version, position, recorded_at, wake_at
    FROM stream_head
    WHERE (aggregate_type, aggregate_id) > ($1, $2)
    ORDER BY aggregate_type, aggregate_id
    LIMIT $3
) AS page;
