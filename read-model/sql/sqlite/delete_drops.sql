-- ?1: the version.
DELETE FROM drops WHERE version = ?1
