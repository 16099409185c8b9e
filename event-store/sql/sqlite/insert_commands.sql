INSERT INTO commands (command_id, fingerprint, first_position, last_position)
WITH batch (command_id, fingerprint, first_back, last_back) AS (VALUES
    (?, ?, ?, ?)
)
SELECT
    command_id, fingerprint,
    (SELECT next_position FROM log_head) - first_back,
    (SELECT next_position FROM log_head) - last_back
FROM batch
WHERE command_id IS NOT NULL;
