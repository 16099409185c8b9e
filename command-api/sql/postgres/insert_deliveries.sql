-- One that is there stays as it is: it was sent before, or is on its way.
INSERT INTO notifications.deliveries
    (notification_id, channel, recipient, lane, position, ordinal, kind, data, occurred_at, next_at, state, attempts)
SELECT *, 'pending', 0
FROM unnest($1::uuid[], $2::text[], $3::uuid[], $4::uuid[], $5::bigint[], $6::bigint[], $7::text[], $8::text[], $9::timestamptz[],
    $10::timestamptz[])
ON CONFLICT (notification_id) DO NOTHING
