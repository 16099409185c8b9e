INSERT INTO claims (namespace, key, aggregate_type, aggregate_id)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[]);
