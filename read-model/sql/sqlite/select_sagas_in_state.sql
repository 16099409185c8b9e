-- One statement, so that rows and checkpoint are of one snapshot. ?1, ?2: the projection and its version;
-- ?3: the state; ?4: key behind which to begin; ?5: most rows.
WITH at AS (
    SELECT coalesce(min(position), 0) AS position FROM checkpoints WHERE projection = ?1 AND version = ?2
),
page AS (
    SELECT payment_id AS key, document FROM sagas
    WHERE state = ?3 AND payment_id > ?4
    ORDER BY payment_id LIMIT ?5
)
SELECT at.position, page.key, page.document
FROM at LEFT JOIN page ON TRUE
ORDER BY page.key
