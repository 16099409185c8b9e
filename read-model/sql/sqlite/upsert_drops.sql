-- ?1: the version; ?2: a JSON array of [key, document] pairs, keys once each.
INSERT INTO drops (version, drop_id, document)
SELECT ?1, value ->> 0, value -> 1 FROM json_each(?2) WHERE TRUE
ON CONFLICT (version, drop_id) DO UPDATE SET document = excluded.document
