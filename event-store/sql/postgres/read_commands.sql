SELECT c.command_id, c.fingerprint, c.first_position, c.last_position
FROM unnest($1::uuid[]) AS i (id)
JOIN commands AS c ON c.command_id = i.id;
