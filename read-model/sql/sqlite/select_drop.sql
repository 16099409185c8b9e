-- One statement, so that row, checkpoint and live version are of one snapshot. The routing key is the row's drop; where there is no
-- row, any parked event may be the one that makes it. ?1: the key.
SELECT
    live.position,
    (SELECT min(parked.position) FROM parked
        WHERE parked.projection = live.projection AND parked.version = live.version
            AND parked.key = coalesce(drops.document ->> 'drop_id', parked.key)) AS parked,
    drops.document
FROM live
LEFT JOIN drops ON drops.version = live.version AND drops.drop_id = ?1
WHERE live.projection = 'drops'
