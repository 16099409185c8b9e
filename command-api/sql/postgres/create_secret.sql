-- The update changes nothing: it makes RETURNING answer the row that was there first.
INSERT INTO secrets (name, bytes) VALUES ($1, $2)
ON CONFLICT (name) DO UPDATE SET bytes = secrets.bytes
RETURNING bytes
