DELETE FROM notification_deliveries
WHERE notification_id IN (
    SELECT notification_id FROM notification_deliveries WHERE state <> 'pending' AND next_at < ?1 ORDER BY next_at LIMIT ?2
)
