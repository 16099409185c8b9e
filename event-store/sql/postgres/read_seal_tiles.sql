SELECT t.level, t.place, t.hashes
FROM unnest($1::integer[], $2::bigint[]) AS wanted (level, place)
JOIN seal_tiles AS t USING (level, place);
