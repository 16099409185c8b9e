-- One statement, so that rows, checkpoints and what is parked are of one snapshot. $1: the show, which is the routing key, too.
SELECT
    (SELECT min(parked.position) FROM parked
        WHERE parked.projection = live.projection AND parked.version = live.version AND parked.key = $1::uuid::text) AS parked,
    seat_plans.document AS plan,
    seat_maps.document AS statuses,
    (SELECT coalesce(json_agg(json_build_array(version, "partition", epoch, position, "offset")), '[]')::text FROM checkpoints
        WHERE checkpoints.projection = live.projection AND checkpoints.version = live.version) AS checkpoints
FROM live
LEFT JOIN seat_plans ON seat_plans.version = live.version AND seat_plans.show_id = $1
LEFT JOIN seat_maps ON seat_maps.version = live.version AND seat_maps.show_id = $1
WHERE live.projection = 'seat_maps'
