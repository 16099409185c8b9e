-- Two projections write what is read here: the position is the lesser of theirs. $1: the show, which is the routing key, too.
SELECT
    least(catalogue.position, maps.position) AS position,
    (SELECT min(parked.position) FROM parked
        WHERE parked.key = $1::uuid::text AND (parked.projection, parked.version) IN (
            (catalogue.projection, catalogue.version), (maps.projection, maps.version)
        )) AS parked,
    shows.document,
    seat_maps.counts
FROM live AS catalogue
JOIN live AS maps ON maps.projection = 'seat_maps'
LEFT JOIN shows ON shows.version = catalogue.version AND shows.show_id = $1
LEFT JOIN seat_maps ON seat_maps.version = maps.version AND seat_maps.show_id = shows.show_id
WHERE catalogue.projection = 'catalogue'
