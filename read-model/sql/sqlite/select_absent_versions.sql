-- ?1: a JSON array of [projection, version]. Those that are not there.
SELECT wanted.value ->> 0 AS projection, wanted.value ->> 1 AS version
FROM json_each(?1) AS wanted
LEFT JOIN versions AS present
    ON present.projection = wanted.value ->> 0
    AND present.version = wanted.value ->> 1
    AND present.state <> 'dropped'
WHERE present.version IS NULL
