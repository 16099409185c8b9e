SELECT subject, number, refusal_id, at, command, command_id, code, detail, actor, correlation_id, position
FROM refusals
WHERE (subject, number) > ($1, $2)
ORDER BY subject, number
LIMIT $3;
