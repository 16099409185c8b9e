-- One statement, so that rows, checkpoint and live version are of one snapshot. All rows are of one routing key, the drop's.
-- $1: the drop; $2: place in the list to begin at; $3: most rows.
WITH at AS (
    SELECT version, position,
        (SELECT min(parked.position) FROM parked
            WHERE parked.projection = live.projection AND parked.version = live.version AND parked.key = ($1::uuid)::text) AS parked
    FROM live WHERE projection = 'drops'
),
page AS (
    SELECT number, document FROM drop_entries
    WHERE version = (SELECT version FROM at) AND drop_id = $1 AND number >= $2
    ORDER BY number LIMIT $3
)
SELECT at.position, at.parked, page.document
FROM at LEFT JOIN page ON TRUE
ORDER BY page.number
