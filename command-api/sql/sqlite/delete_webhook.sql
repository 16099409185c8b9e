DELETE FROM notification_webhooks WHERE organizer_id = ?1 AND webhook_id = ?2
