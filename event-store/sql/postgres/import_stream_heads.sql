INSERT INTO stream_head (aggregate_type, aggregate_id, version, position, recorded_at, wake_at)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::timestamptz[]);
