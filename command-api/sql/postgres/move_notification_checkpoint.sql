-- Locks the row: of two leaders one waits here, and finds it moved.
UPDATE notifications.checkpoint SET position = $2 WHERE position = $1
