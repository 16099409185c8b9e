-- One row for the whole page: a page is read by those who read everything, and a row costs more than what is in it.
SELECT json_group_array(json_array(command_id, hex(fingerprint), first_position, last_position))
FROM (
    SELECT command_id, fingerprint, first_position, last_position
    FROM commands
    WHERE command_id > $1
    ORDER BY command_id
    LIMIT $2
) AS page;
