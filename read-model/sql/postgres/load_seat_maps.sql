-- $1: the version; $2: an array of shows.
SELECT seat_plans.document AS plan, seat_maps.document AS statuses
FROM seat_maps JOIN seat_plans USING (version, show_id)
WHERE version = $1 AND show_id = ANY ($2::uuid[])
