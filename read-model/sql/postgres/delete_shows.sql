-- $1: the version.
DELETE FROM shows WHERE version = $1
