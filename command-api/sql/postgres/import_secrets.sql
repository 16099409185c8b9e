INSERT INTO secrets (name, bytes) SELECT * FROM unnest($1::text[], $2::bytea[])
