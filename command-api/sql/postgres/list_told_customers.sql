SELECT position, ordinal, customer_id
FROM notifications.notifications
WHERE (position, ordinal) > ($1, $2)
ORDER BY position, ordinal
LIMIT $3
