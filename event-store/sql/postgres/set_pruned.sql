UPDATE commands_pruned SET position = $1 WHERE shard = 0;
