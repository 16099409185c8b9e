SELECT webhook_id, organizer_id, url, kinds, since, created_at, disabled_at, disabled_reason
FROM notification_webhooks
WHERE disabled_at IS NULL AND organizer_id IN (SELECT value FROM json_each(?1))
ORDER BY webhook_id
