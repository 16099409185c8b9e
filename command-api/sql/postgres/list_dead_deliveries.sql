SELECT notification_id, channel, recipient, lane, position, ordinal, kind, data, occurred_at, attempts, next_at, reason
FROM notifications.deliveries
WHERE state = 'dead' AND (position, notification_id) < ($1, $2)
ORDER BY position DESC, notification_id DESC
LIMIT $3
