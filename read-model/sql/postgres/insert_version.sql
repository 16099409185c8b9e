-- $1: the projection; $2: its fold. Numbers of dropped versions are not used again.
INSERT INTO versions (projection, version, fold, state)
SELECT $1, coalesce(max(version), 0) + 1, $2, 'building' FROM versions WHERE projection = $1
RETURNING version
