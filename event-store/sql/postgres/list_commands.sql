-- From $1 on, without $2.
SELECT command_id, fingerprint, first_position, last_position
FROM commands
WHERE command_id >= $1 AND command_id IS DISTINCT FROM $2
ORDER BY command_id
LIMIT $3;
