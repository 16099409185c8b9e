-- $1: the version.
DELETE FROM payments WHERE version = $1
