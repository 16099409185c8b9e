-- $1: the version.
DELETE FROM accounts WHERE version = $1
