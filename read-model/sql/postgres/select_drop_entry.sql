-- One statement, so that row, checkpoint and live version are of one snapshot. The routing key is the row's drop; where there is no
-- row, any parked event may be the one that makes it. $1: the key.
SELECT
    live.position,
    (SELECT min(parked.position) FROM parked
        WHERE parked.projection = live.projection AND parked.version = live.version
            AND parked.key = coalesce(drop_entries.document::json ->> 'drop_id', parked.key)) AS parked,
    drop_entries.document
FROM live
LEFT JOIN drop_entries ON drop_entries.version = live.version AND drop_entries.entry_id = $1
WHERE live.projection = 'drops'
