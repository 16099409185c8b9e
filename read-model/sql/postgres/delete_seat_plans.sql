-- $1: the version.
DELETE FROM seat_plans WHERE version = $1
