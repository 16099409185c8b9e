SELECT command_id, fingerprint, first_position, last_position
FROM commands
WHERE command_id > $1
ORDER BY command_id
LIMIT $2;
