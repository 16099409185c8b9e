-- The epoch in which the log began, and its present one.
SELECT coalesce((SELECT e.epoch FROM events AS e WHERE e.position = 1), h.epoch), h.epoch
FROM log_head AS h
WHERE h.shard = 0;
