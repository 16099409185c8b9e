DELETE FROM notifications.webhooks WHERE organizer_id = $1 AND webhook_id = $2
