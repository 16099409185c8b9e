-- Ids rise with time: the oldest stand first.
DELETE FROM refusals
WHERE id IN (SELECT id FROM refusals WHERE id > 0 AND at < $1 ORDER BY id LIMIT $2);
