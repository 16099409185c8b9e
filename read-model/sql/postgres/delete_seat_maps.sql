-- $1: the version.
DELETE FROM seat_maps WHERE version = $1
