-- ?1: a JSON array of keys.
SELECT seat_plans.document AS plan, seat_maps.document AS statuses
FROM seat_maps JOIN seat_plans USING (show_id)
WHERE show_id IN (SELECT value FROM json_each(?1))
