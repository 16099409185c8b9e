SELECT next_position - 1, epoch, clock_timestamp() FROM log_head WHERE shard = 0;
