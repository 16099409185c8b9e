-- $1: the projection; $2: the version.
DELETE FROM checkpoints WHERE projection = $1 AND version = $2
