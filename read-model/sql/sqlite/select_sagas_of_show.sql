-- One statement, so that rows, checkpoint and live version are of one snapshot. Any parked event may be of a row of the list.
-- ?1: the show; ?2: the state, or NULL for any; ?3: NULL, or as for stuck sagas; ?4: key behind which to begin; ?5: most rows.
WITH at AS (
    SELECT version, position, parked FROM live WHERE projection = 'sagas'
),
page AS (
    SELECT payment_id AS key, document FROM sagas
    WHERE version = (SELECT version FROM at) AND document ->> 'show_id' = ?1
        AND (?2 IS NULL OR state = ?2)
        AND (?3 IS NULL OR state IN ('running', 'compensating', 'refunding') AND document ->> 'since' <= ?3)
        AND payment_id > ?4
    ORDER BY payment_id LIMIT ?5
)
SELECT at.position, at.parked, page.key, page.document
FROM at LEFT JOIN page ON TRUE
ORDER BY page.key
