SELECT webhook_id, organizer_id, url, kinds, since, created_at, disabled_at, disabled_reason
FROM notifications.webhooks
WHERE disabled_at IS NULL AND organizer_id = ANY ($1)
ORDER BY webhook_id
