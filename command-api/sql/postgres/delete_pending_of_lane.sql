DELETE FROM notifications.deliveries WHERE lane = $1 AND state = 'pending'
