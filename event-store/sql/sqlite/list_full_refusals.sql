SELECT subject
FROM refusal_counts
WHERE subject IN (SELECT value ->> 0 FROM json_each($1)) AND refused >= $2;
