SELECT notification_id, channel, recipient, lane, position, ordinal, kind, data, occurred_at, attempts, next_at, reason, state
FROM notifications.deliveries
WHERE $1::uuid IS NULL OR notification_id > $1
ORDER BY notification_id
LIMIT $2
