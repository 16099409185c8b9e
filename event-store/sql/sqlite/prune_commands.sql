-- Commands without a fingerprint are kept for ever.
DELETE FROM commands
WHERE length(fingerprint) > 0 AND command_id IN (
    SELECT e.command_id
    FROM events AS e
    WHERE e.position > (SELECT position FROM commands_pruned WHERE shard = 0) AND e.position <= $1
);
