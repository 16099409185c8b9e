-- $1, $2: projections and their folds. A projection has its first version from the beginning.
INSERT INTO versions (projection, version, fold, state)
SELECT projection, 1, fold, 'live' FROM unnest($1::text[], $2::integer[]) AS first (projection, fold)
ON CONFLICT DO NOTHING
