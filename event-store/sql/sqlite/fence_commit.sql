-- A commit that changes pages and nothing else: it overwrites what an earlier one, which failed, may have left in the
-- write-ahead log.
BEGIN IMMEDIATE;
INSERT INTO commands_pruned (shard, position) VALUES (-1, 0);
DELETE FROM commands_pruned WHERE shard = -1;
COMMIT;
