SELECT count(*) FROM (SELECT 1 FROM notification_webhooks WHERE disabled_at IS NULL LIMIT 1) AS called
