UPDATE notification_deliveries
SET state = outcome.value ->> 1, next_at = outcome.value ->> 2, reason = outcome.value ->> 3, attempts = attempts + 1
FROM json_each(?1) AS outcome
WHERE notification_deliveries.notification_id = outcome.value ->> 0 AND notification_deliveries.state = 'pending'
