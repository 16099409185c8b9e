SELECT
    (SELECT count(*) FROM notifications.deliveries WHERE state = 'pending') AS pending,
    (SELECT count(*) FROM notifications.deliveries WHERE state = 'dead') AS dead,
    (SELECT min(occurred_at) FROM notifications.deliveries WHERE state = 'pending') AS oldest
