-- $1: the version.
DELETE FROM transactions WHERE version = $1
