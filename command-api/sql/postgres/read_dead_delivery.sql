SELECT notification_id, channel, recipient, lane, position, ordinal, kind, data, occurred_at, attempts, next_at, reason
FROM notifications.deliveries
WHERE notification_id = $1 AND state = 'dead'
