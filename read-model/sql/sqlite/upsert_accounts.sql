-- ?1: a JSON array of [key, document] pairs, keys once each.
INSERT INTO accounts (customer_id, document)
SELECT value ->> 0, value -> 1 FROM json_each(?1) WHERE TRUE
ON CONFLICT (customer_id) DO UPDATE SET document = excluded.document
