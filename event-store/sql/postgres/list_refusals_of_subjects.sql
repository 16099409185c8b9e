SELECT subject, number, refusal_id, at, command, command_id, code, detail, actor, correlation_id, position
FROM refusals
WHERE subject = ANY($1) AND position >= $2 AND position < $3
ORDER BY position, at, refusal_id, subject
LIMIT $4;
