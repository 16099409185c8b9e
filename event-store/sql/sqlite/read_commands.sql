SELECT c.command_id, c.fingerprint, c.first_position, c.last_position
FROM json_each($1) AS i
JOIN commands AS c ON c.command_id = i.value;
