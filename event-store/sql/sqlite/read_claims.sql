SELECT c.namespace, c.key, c.aggregate_type, c.aggregate_id
FROM json_each($1) AS p
JOIN claims AS c ON c.namespace = p.value ->> 0 AND c.key = p.value ->> 1;
