UPDATE log_head SET epoch = log_timeline() WHERE shard = 0 AND epoch = $1;
