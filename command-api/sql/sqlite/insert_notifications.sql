-- One that is there stays as it is: it was told before.
INSERT INTO notifications (notification_id, customer_id, position, ordinal, kind, data, occurred_at)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6
FROM json_each(?1)
WHERE true
ON CONFLICT (notification_id) DO NOTHING
