-- ?1: a JSON array of [projection, fold]. A projection has its first version from the beginning.
INSERT INTO versions (projection, version, fold, state)
SELECT value ->> 0, 1, value ->> 1, 'live' FROM json_each(?1) WHERE TRUE
ON CONFLICT DO NOTHING
