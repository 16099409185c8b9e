-- One statement, so that rows, checkpoint and live version are of one snapshot. The customer is the routing key of every row.
-- $1: the customer; $2: position behind which to begin; $3: most rows.
WITH at AS (
    SELECT
        version,
        position,
        (SELECT min(parked.position) FROM parked
            WHERE parked.projection = live.projection AND parked.version = live.version
                AND parked.key = $1::uuid::text) AS parked
    FROM live WHERE projection = 'points'
),
page AS (
    SELECT position AS key, document FROM transactions
    WHERE version = (SELECT version FROM at) AND customer_id = $1 AND position < $2
    ORDER BY position DESC LIMIT $3
)
SELECT at.position, at.parked, lpad(page.key::text, 20, '0') AS key, page.document
FROM at LEFT JOIN page ON TRUE
ORDER BY page.key DESC
