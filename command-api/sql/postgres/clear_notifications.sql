TRUNCATE notifications.notifications, notifications.webhooks, notifications.deliveries
