-- The next $1 events whose commands were not looked at yet.
SELECT e.position, e.recorded_at
FROM commands_pruned AS p
JOIN events AS e ON e.position > p.position
WHERE p.shard = 0
ORDER BY e.position
LIMIT $1;
