UPDATE notifications.deliveries
SET state = outcome.state, next_at = outcome.next_at, reason = outcome.reason, attempts = attempts + 1
FROM unnest($1::uuid[], $2::text[], $3::timestamptz[], $4::text[]) AS outcome (notification_id, state, next_at, reason)
WHERE deliveries.notification_id = outcome.notification_id AND deliveries.state = 'pending'
