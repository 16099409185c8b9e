-- Two projections write what is read here: the position is the lesser of theirs. $1, $2: from and to, in microseconds;
-- $3, $4: start and show of the row behind which to begin; $5: most rows; $6: the concert.
WITH catalogue AS (
    SELECT version, position, parked FROM live WHERE projection = 'catalogue'
),
maps AS (
    SELECT version, position, parked FROM live WHERE projection = 'seat_maps'
),
page AS (
    SELECT show_id, starts_at, document FROM shows
    WHERE version = (SELECT version FROM catalogue)
        AND concert_id = $6 AND starts_at >= $1 AND starts_at < $2 AND (starts_at, show_id) > ($3, $4)
    ORDER BY starts_at, show_id LIMIT $5
)
SELECT
    least(catalogue.position, maps.position) AS position,
    least(catalogue.parked, maps.parked) AS parked,
    page.document,
    seat_maps.counts
FROM catalogue
CROSS JOIN maps
LEFT JOIN page ON TRUE
LEFT JOIN seat_maps ON seat_maps.version = maps.version AND seat_maps.show_id = page.show_id
ORDER BY page.starts_at, page.show_id
