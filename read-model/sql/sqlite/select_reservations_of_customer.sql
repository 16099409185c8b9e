-- One statement, so that rows and checkpoint are of one snapshot. ?1, ?2: the projection and its version;
-- ?3: the customer; ?4: key behind which to begin; ?5: most rows.
WITH at AS (
    SELECT coalesce(min(position), 0) AS position FROM checkpoints WHERE projection = ?1 AND version = ?2
),
page AS (
    SELECT reservation_id AS key, document FROM reservations
    WHERE customer_id = ?3 AND reservation_id < ?4
    ORDER BY reservation_id DESC LIMIT ?5
)
SELECT at.position, page.key, page.document
FROM at LEFT JOIN page ON TRUE
ORDER BY page.key DESC
