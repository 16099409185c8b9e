INSERT INTO commands (command_id, fingerprint, first_position, last_position)
SELECT * FROM unnest($1::uuid[], $2::bytea[], $3::bigint[], $4::bigint[]);
