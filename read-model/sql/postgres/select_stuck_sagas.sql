-- One statement, so that rows, checkpoint and live version are of one snapshot. Any parked event may be of a row of the list.
-- $1: an instant in microseconds, since which or longer they stand where they stand; $2: key behind which to begin; $3: most rows.
WITH at AS (
    SELECT version, position, parked FROM live WHERE projection = 'sagas'
),
page AS (
    SELECT payment_id AS key, document FROM sagas
    WHERE version = (SELECT version FROM at) AND state IN ('running', 'compensating', 'refunding')
        AND (document::json ->> 'since')::bigint <= $1 AND payment_id > $2
    ORDER BY payment_id LIMIT $3
)
SELECT at.position, at.parked, page.key::text AS key, page.document
FROM at LEFT JOIN page ON TRUE
ORDER BY page.key
