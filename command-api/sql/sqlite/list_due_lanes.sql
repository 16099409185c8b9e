-- One look at the index for each webhook, however much waits for it.
SELECT lane
FROM (
    SELECT lanes.lane, (
        SELECT min(next_at) FROM notification_deliveries AS due WHERE due.lane = lanes.lane AND due.state = 'pending'
    ) AS next_at
    FROM (SELECT webhook_id AS lane FROM notification_webhooks WHERE disabled_at IS NULL UNION ALL SELECT ?1) AS lanes
) AS soonest
WHERE next_at <= ?2
ORDER BY next_at, lane
LIMIT ?3
