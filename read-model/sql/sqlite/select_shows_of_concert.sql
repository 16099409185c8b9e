-- Two projections write what is read here: the position is the lesser of theirs. ?1, ?2: the first and its version;
-- ?3, ?4: the second and its version; ?5, ?6: from and to, in microseconds;
-- ?7, ?8: start and show of the row behind which to begin; ?9: most rows; ?10: the concert.
WITH at AS (
    SELECT min(
        (SELECT coalesce(min(position), 0) FROM checkpoints WHERE projection = ?1 AND version = ?2),
        (SELECT coalesce(min(position), 0) FROM checkpoints WHERE projection = ?3 AND version = ?4)
    ) AS position
),
page AS (
    SELECT show_id, starts_at, document FROM shows
    WHERE concert_id = ?10 AND starts_at >= ?5 AND starts_at < ?6 AND (starts_at, show_id) > (?7, ?8)
    ORDER BY starts_at, show_id LIMIT ?9
)
SELECT
    at.position,
    page.document,
    seat_maps.document -> 'counts' AS counts
FROM at
LEFT JOIN page ON TRUE
LEFT JOIN seat_maps ON seat_maps.show_id = page.show_id
ORDER BY page.starts_at, page.show_id
