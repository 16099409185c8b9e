INSERT INTO notifications.webhooks (webhook_id, organizer_id, url, kinds, since, created_at)
VALUES ($1, $2, $3, $4, $5, $6)
