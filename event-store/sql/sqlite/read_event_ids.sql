SELECT e.event_id, e.command_id, e.position
FROM json_each($1) AS i
JOIN events AS e ON e.event_id = i.value;
