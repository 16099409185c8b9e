-- $1: the version.
DELETE FROM drop_entries WHERE version = $1
