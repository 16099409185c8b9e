-- Stuck are those under way that stand where they stand since an instant or longer.
-- $1: the show; $2: the instant, in microseconds.
WITH at AS (
    SELECT version, position, parked FROM live WHERE projection = 'sagas'
),
counted AS (
    SELECT state, count(*) AS sagas,
        count(*) FILTER (WHERE state IN ('running', 'compensating', 'refunding') AND (document::json ->> 'since')::bigint <= $2) AS stuck
    FROM sagas
    WHERE version = (SELECT version FROM at) AND (document::json ->> 'show_id')::uuid = $1
    GROUP BY state
)
SELECT at.position, at.parked, counted.state, counted.sagas, counted.stuck
FROM at LEFT JOIN counted ON TRUE
