-- $1: the projection; $2: the version that becomes live.
UPDATE versions SET state = 'live' WHERE projection = $1 AND version = $2 AND state IN ('building', 'retired')
