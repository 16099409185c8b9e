-- A write, whatever changes: its commit waits for the standby, and what was committed before it is there too.
UPDATE leaders
SET claimed = greatest(claimed, $4)
WHERE name = $1 AND holder = $2 AND term = $3 AND expires_at > clock_timestamp()
RETURNING claimed;
