-- One statement, so that rows and checkpoint are of one snapshot. ?1, ?2: the projection and its version;
-- ?3: key behind which to begin; ?4: most rows.
WITH at AS (
    SELECT coalesce(min(position), 0) AS position FROM checkpoints WHERE projection = ?1 AND version = ?2
),
page AS (
    SELECT concert_id AS key, document FROM concerts
    WHERE concert_id < ?3
    ORDER BY concert_id DESC LIMIT ?4
)
SELECT at.position, page.key, page.document
FROM at LEFT JOIN page ON TRUE
ORDER BY page.key DESC
