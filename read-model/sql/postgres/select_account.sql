-- One statement, so that row, checkpoint and live version are of one snapshot. $1: the key, which is the routing key, too.
SELECT
    live.position,
    (SELECT min(parked.position) FROM parked
        WHERE parked.projection = live.projection AND parked.version = live.version AND parked.key = $1::uuid::text) AS parked,
    accounts.document
FROM live
LEFT JOIN accounts ON accounts.version = live.version AND accounts.customer_id = $1
WHERE live.projection = 'points'
