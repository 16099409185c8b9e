DELETE FROM notification_deliveries
WHERE notification_id IN (
    SELECT notification_id
    FROM notification_deliveries
    WHERE state = 'pending' AND next_at < ?1 AND lane NOT IN (SELECT webhook_id FROM notification_webhooks WHERE disabled_at IS NULL)
    LIMIT ?2
)
