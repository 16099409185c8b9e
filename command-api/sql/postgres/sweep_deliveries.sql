DELETE FROM notifications.deliveries
WHERE notification_id IN (
    SELECT notification_id FROM notifications.deliveries WHERE state <> 'pending' AND next_at < $1 ORDER BY next_at LIMIT $2
)
