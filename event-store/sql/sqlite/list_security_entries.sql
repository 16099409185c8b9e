SELECT id, at, kind, subject, role, target
FROM security_entries
WHERE id > $1 AND ($2 IS NULL OR kind = $2) AND ($3 IS NULL OR subject = $3)
ORDER BY id
LIMIT $4;
