SELECT notification_id, customer_id, position, ordinal, kind, data, occurred_at
FROM notifications
WHERE customer_id = ?1 AND (position, ordinal) > (?2, ?3)
ORDER BY position, ordinal
LIMIT ?4
