SELECT notification_id, channel, recipient, lane, position, ordinal, kind, data, occurred_at, attempts, next_at, reason
FROM notification_deliveries
WHERE lane = ?1 AND state = 'pending' AND next_at <= ?2
ORDER BY next_at, position, ordinal, notification_id
LIMIT ?3
