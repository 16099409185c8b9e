SELECT subject, refused, last_at
FROM refusal_counts
WHERE subject = ANY($1)
ORDER BY subject;
