-- $1: the version.
DELETE FROM sagas WHERE version = $1
