DELETE FROM notifications.deliveries
WHERE notification_id IN (
    SELECT notification_id
    FROM notifications.deliveries
    WHERE state = 'pending' AND next_at < $1 AND lane NOT IN (SELECT webhook_id FROM notifications.webhooks WHERE disabled_at IS NULL)
    LIMIT $2
)
