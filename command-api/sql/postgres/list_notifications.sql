SELECT notification_id, customer_id, position, ordinal, kind, data, occurred_at
FROM notifications.notifications
WHERE $1::uuid IS NULL OR notification_id > $1
ORDER BY notification_id
LIMIT $2
