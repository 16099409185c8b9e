INSERT INTO commands (command_id, fingerprint, first_position, last_position)
SELECT
    c.value ->> 0, unhex(c.value ->> 1),
    (SELECT next_position FROM log_head) - $2 + (c.value ->> 2),
    (SELECT next_position FROM log_head) - $2 + (c.value ->> 3)
FROM json_each($4) AS c;
