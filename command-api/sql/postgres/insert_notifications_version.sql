INSERT INTO notifications.schema (version) VALUES ($1)
