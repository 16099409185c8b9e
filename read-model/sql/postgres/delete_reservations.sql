-- $1: the version.
DELETE FROM reservations WHERE version = $1
