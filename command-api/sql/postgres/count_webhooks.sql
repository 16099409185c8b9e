SELECT count(*) FROM notifications.webhooks WHERE organizer_id = $1
