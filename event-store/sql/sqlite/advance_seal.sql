UPDATE seal_state SET size = $2 WHERE shard = 0 AND size = $1;
