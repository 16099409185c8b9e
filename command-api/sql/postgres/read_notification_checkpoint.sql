SELECT position FROM notifications.checkpoint
