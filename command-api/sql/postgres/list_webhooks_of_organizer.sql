SELECT webhook_id, organizer_id, url, kinds, since, created_at, disabled_at, disabled_reason
FROM notifications.webhooks
WHERE organizer_id = $1
ORDER BY webhook_id
