-- One statement, so that row and checkpoint are of one snapshot. ?1, ?2: the projection and its version; ?3: the key.
SELECT
    (SELECT coalesce(min(position), 0) FROM checkpoints WHERE projection = ?1 AND version = ?2) AS position,
    (SELECT document FROM payments WHERE payment_id = ?3) AS document
