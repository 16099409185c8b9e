-- The head of a log that is imported: behind its last event, in the newest epoch of any.
UPDATE log_head SET next_position = $1 + $2, epoch = max(epoch, $3) WHERE shard = 0 AND next_position = $1;
