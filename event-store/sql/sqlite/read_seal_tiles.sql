SELECT t.level, t.place, t.hashes
FROM json_each($1) AS wanted
JOIN seal_tiles AS t ON t.level = wanted.value ->> 0 AND t.place = wanted.value ->> 1;
