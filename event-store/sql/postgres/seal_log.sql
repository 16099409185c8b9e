-- One row of `seal_state` is locked first: of two sealers, the second finds another size and stores nothing.
WITH moved AS (
    UPDATE seal_state SET size = $2 WHERE shard = 0 AND size = $1 RETURNING size
), tiles AS (
    INSERT INTO seal_tiles (level, place, hashes)
    SELECT t.level, t.place, t.hashes
    FROM moved, unnest($6::integer[], $7::bigint[], $8::bytea[]) AS t (level, place, hashes)
    ON CONFLICT (level, place) DO UPDATE SET hashes = excluded.hashes
)
INSERT INTO seal_heads (size, root, note, sealed_at)
SELECT moved.size, $3, $4, $5 FROM moved
RETURNING size;
