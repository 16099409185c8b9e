UPDATE notification_checkpoint SET position = ?2 WHERE position = ?1
