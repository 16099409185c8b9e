-- $1: the projection; $2: the version that must be live.
UPDATE versions SET state = 'retired' WHERE projection = $1 AND version = $2 AND state = 'live'
