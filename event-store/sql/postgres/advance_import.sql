UPDATE log_head SET next_position = next_position + $3
WHERE shard = 0 AND epoch = $1 AND next_position = $2;
