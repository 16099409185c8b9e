-- The timeline on which the log was made, and its present epoch.
SELECT began, epoch FROM log_head WHERE shard = 0;
