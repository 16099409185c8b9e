SELECT position FROM commands_pruned WHERE shard = 0;
