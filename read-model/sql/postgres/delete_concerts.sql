-- $1: the version.
DELETE FROM concerts WHERE version = $1
