-- $1: the projection; $2: the version, which must not be live.
UPDATE versions SET state = 'dropped' WHERE projection = $1 AND version = $2 AND state IN ('building', 'retired')
