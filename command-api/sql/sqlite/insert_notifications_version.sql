INSERT INTO notifications_schema (version) VALUES (?1)
