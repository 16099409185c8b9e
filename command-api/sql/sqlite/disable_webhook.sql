UPDATE notification_webhooks SET disabled_at = ?2, disabled_reason = ?3 WHERE webhook_id = ?1 AND disabled_at IS NULL
