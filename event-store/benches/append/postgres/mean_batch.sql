-- Rows of one transaction carry its number.
SELECT count(*)::double precision / count(DISTINCT xmin::text) FROM events;
