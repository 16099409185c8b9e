-- Commands without a fingerprint: steps of sagas.
INSERT INTO commands (command_id, fingerprint, first_position, last_position)
SELECT c.value ->> 0, x'', c.value ->> 1, c.value ->> 2
FROM json_each($1) AS c;
