SELECT subject, refused, last_at
FROM refusal_counts
WHERE subject IN (SELECT value FROM json_each($1))
ORDER BY subject;
