INSERT INTO refusal_counts (subject, refused, last_at)
SELECT * FROM unnest($1::text[], $2::bigint[], $3::timestamptz[]);
