SELECT subject, refused, last_at
FROM refusal_counts
WHERE subject > $1
ORDER BY subject
LIMIT $2;
