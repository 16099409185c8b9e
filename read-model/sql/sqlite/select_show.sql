-- Two projections write what is read here: the position is the lesser of theirs. ?1, ?2: the first and its version;
-- ?3, ?4: the second and its version; ?5: the show.
WITH at AS (
    SELECT min(
        (SELECT coalesce(min(position), 0) FROM checkpoints WHERE projection = ?1 AND version = ?2),
        (SELECT coalesce(min(position), 0) FROM checkpoints WHERE projection = ?3 AND version = ?4)
    ) AS position
)
SELECT
    at.position,
    shows.document,
    seat_maps.document -> 'counts' AS counts
FROM at
LEFT JOIN shows ON shows.show_id = ?5
LEFT JOIN seat_maps ON seat_maps.show_id = shows.show_id
