SELECT count(*) FROM (SELECT 1 FROM notifications.webhooks WHERE disabled_at IS NULL LIMIT 1) AS called
