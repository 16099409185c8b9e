-- One that is there stays as it is: it was sent before, or is on its way.
INSERT INTO notification_deliveries
    (notification_id, channel, recipient, lane, position, ordinal, kind, data, occurred_at, next_at, state, attempts)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, value ->> 8, value ->> 9,
    'pending', 0
FROM json_each(?1)
WHERE true
ON CONFLICT (notification_id) DO NOTHING
