SELECT count(*) FROM notification_webhooks WHERE organizer_id = ?1
