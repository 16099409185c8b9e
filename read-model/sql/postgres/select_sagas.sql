-- One statement, so that rows, checkpoint and live version are of one snapshot. Any parked event may be of a row of the list.
-- $1: key behind which to begin; $2: most rows.
WITH at AS (
    SELECT version, position, parked FROM live WHERE projection = 'sagas'
),
page AS (
    SELECT payment_id AS key, document FROM sagas
    WHERE version = (SELECT version FROM at) AND payment_id > $1
    ORDER BY payment_id LIMIT $2
)
SELECT at.position, at.parked, page.key::text AS key, page.document
FROM at LEFT JOIN page ON TRUE
ORDER BY page.key
