DELETE FROM notifications
WHERE notification_id IN (SELECT notification_id FROM notifications WHERE occurred_at < ?1 ORDER BY occurred_at LIMIT ?2)
