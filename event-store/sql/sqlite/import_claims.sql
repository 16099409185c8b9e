INSERT INTO claims (namespace, key, aggregate_type, aggregate_id)
SELECT c.value ->> 0, c.value ->> 1, c.value ->> 2, c.value ->> 3
FROM json_each($1) AS c;
