-- One statement, so that rows, checkpoint and live version are of one snapshot. Any parked event may be of a row of the list.
-- $1: the customer; $2: key behind which to begin; $3: most rows.
WITH at AS (
    SELECT version, position, parked FROM live WHERE projection = 'payments'
),
page AS (
    SELECT payment_id AS key, document FROM payments
    WHERE version = (SELECT version FROM at) AND customer_id = $1 AND payment_id < $2
    ORDER BY payment_id DESC LIMIT $3
)
SELECT at.position, at.parked, page.key::text AS key, page.document
FROM at LEFT JOIN page ON TRUE
ORDER BY page.key DESC
