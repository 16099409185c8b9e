-- A log that is empty, or whose import was begun before. An epoch that no server can have keeps appends out until the end.
UPDATE log_head SET epoch = $1
WHERE shard = 0 AND (epoch = $1 OR next_position = 1)
RETURNING next_position - 1;
