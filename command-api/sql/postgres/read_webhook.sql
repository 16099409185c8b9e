SELECT webhook_id, organizer_id, url, kinds, since, created_at, disabled_at, disabled_reason
FROM notifications.webhooks
WHERE webhook_id = $1
