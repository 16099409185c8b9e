-- One statement, so that row, checkpoint and live version are of one snapshot. The routing key is the row's show; where there is no
-- row, any parked event may be the one that makes it. $1: the key.
SELECT
    live.position,
    (SELECT min(parked.position) FROM parked
        WHERE parked.projection = live.projection AND parked.version = live.version
            AND parked.key = coalesce(payments.document::json ->> 'show_id', parked.key)) AS parked,
    payments.document
FROM live
LEFT JOIN payments ON payments.version = live.version AND payments.payment_id = $1
WHERE live.projection = 'payments'
