UPDATE leaders SET expires_at = '-infinity' WHERE name = $1 AND holder = $2 AND term = $3;
