-- WHERE: without it, ON would be read as a join's.
INSERT INTO refusal_counts AS c (subject, refused, last_at)
SELECT t.value ->> 0, t.value ->> 1, t.value ->> 2
FROM json_each($1) AS t
WHERE true
ON CONFLICT (subject) DO UPDATE
SET refused = c.refused + excluded.refused, last_at = max(c.last_at, excluded.last_at);
