DELETE FROM notification_deliveries WHERE lane = ?1 AND state = 'pending'
