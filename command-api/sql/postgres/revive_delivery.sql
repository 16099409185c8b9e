UPDATE notifications.deliveries SET state = 'pending', attempts = 0, next_at = $2 WHERE notification_id = $1 AND state = 'dead'
