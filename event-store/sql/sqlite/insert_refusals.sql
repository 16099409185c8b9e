-- Counted before, in the same transaction: a number is the count as it was, and the place among what is told now.
INSERT INTO refusals (
    subject, number, refusal_id, at, command, command_id, code, detail, actor, correlation_id, position
)
SELECT
    c.subject, c.refused - (r.value ->> 1) + (r.value ->> 2), r.value ->> 3, r.value ->> 4, r.value ->> 5, r.value ->> 6,
    r.value ->> 7, r.value ->> 8, r.value ->> 9, r.value ->> 10, r.value ->> 11
FROM json_each($1) AS r
JOIN refusal_counts AS c ON c.subject = r.value ->> 0
WHERE c.refused - (r.value ->> 1) + (r.value ->> 2) <= $2;
