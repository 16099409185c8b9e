SELECT coalesce(max(version), 0) FROM notifications_schema
