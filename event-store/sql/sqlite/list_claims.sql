-- One row for the whole page: a page is read by those who read everything, and a row costs more than what is in it.
SELECT json_group_array(json_array(namespace, key, aggregate_type, aggregate_id))
FROM (
    SELECT namespace, key, aggregate_type, aggregate_id
    FROM claims
    WHERE (namespace, key) > ($1, $2)
    ORDER BY namespace, key
    LIMIT $3
) AS page;
