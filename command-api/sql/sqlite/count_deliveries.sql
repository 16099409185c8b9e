SELECT
    (SELECT count(*) FROM notification_deliveries WHERE state = 'pending') AS pending,
    (SELECT count(*) FROM notification_deliveries WHERE state = 'dead') AS dead,
    (SELECT min(occurred_at) FROM notification_deliveries WHERE state = 'pending') AS oldest
