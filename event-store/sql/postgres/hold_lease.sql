-- By the database's clock, read once the row is locked. A lease that ran out gets a new term even for its last holder.
INSERT INTO leaders (name, holder, term, expires_at, claimed)
VALUES ($1, $2, 1, clock_timestamp() + $3, 0)
ON CONFLICT (name) DO UPDATE SET
    holder = excluded.holder,
    term = leaders.term + (leaders.expires_at <= clock_timestamp() OR leaders.holder <> excluded.holder)::int,
    expires_at = clock_timestamp() + $3
WHERE leaders.holder = excluded.holder OR leaders.expires_at <= clock_timestamp()
RETURNING term;
