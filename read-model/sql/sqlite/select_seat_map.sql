-- One statement, so that rows and checkpoint are of one snapshot. ?1, ?2: the projection and its version; ?3: the show.
SELECT
    (SELECT coalesce(min(position), 0) FROM checkpoints WHERE projection = ?1 AND version = ?2) AS position,
    (SELECT document FROM seat_plans WHERE show_id = ?3) AS plan,
    (SELECT document FROM seat_maps WHERE show_id = ?3) AS statuses
