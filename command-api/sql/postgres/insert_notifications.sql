-- One that is there stays as it is: it was told before.
INSERT INTO notifications.notifications (notification_id, customer_id, position, ordinal, kind, data, occurred_at)
SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::text[], $6::text[], $7::timestamptz[])
ON CONFLICT (notification_id) DO NOTHING
