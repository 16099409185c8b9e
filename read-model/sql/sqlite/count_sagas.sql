-- Each state is counted up to a bound: nobody waits for an exact number of millions. Stuck are those under way that stand where
-- they stand since an instant or longer.
-- ?1: the instant, in microseconds; ?2: the bound; ?3: a JSON array of the states.
WITH at AS (
    SELECT version, position, parked FROM live WHERE projection = 'sagas'
)
SELECT at.position, at.parked, states.value AS state,
    (SELECT count(*) FROM (
        SELECT 1 AS one FROM sagas WHERE sagas.version = at.version AND sagas.state = states.value LIMIT ?2
    ) AS counted) AS sagas,
    CASE WHEN states.value IN ('running', 'compensating', 'refunding') THEN (SELECT count(*) FROM (
        SELECT 1 AS one FROM sagas
        WHERE sagas.version = at.version AND sagas.state = states.value AND document ->> 'since' <= ?1 LIMIT ?2
    ) AS counted) ELSE 0 END AS stuck
FROM at CROSS JOIN json_each(?3) AS states
