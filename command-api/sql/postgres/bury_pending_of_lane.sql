UPDATE notifications.deliveries SET state = 'dead', next_at = $2, reason = $3 WHERE lane = $1 AND state = 'pending'
