-- ?1: the projection; ?2: the version; ?3: the key; ?4: the position.
DELETE FROM parked WHERE projection = ?1 AND version = ?2 AND key = ?3 AND position = ?4
