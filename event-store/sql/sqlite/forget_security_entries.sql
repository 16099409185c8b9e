-- Ids rise with time: the oldest stand first.
DELETE FROM security_entries
WHERE id IN (SELECT id FROM security_entries WHERE id > 0 AND at < $1 ORDER BY id LIMIT $2);
