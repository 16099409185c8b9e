SELECT notification_id, customer_id, position, ordinal, kind, data, occurred_at
FROM notifications
WHERE notification_id > ?1
ORDER BY notification_id
LIMIT ?2
