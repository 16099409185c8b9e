-- What decides whether this server may hold a log.
SELECT
    CASE
        WHEN current_setting('fsync') <> 'on' THEN 'fsync'
        WHEN current_setting('full_page_writes') <> 'on' THEN 'full_page_writes'
    END AS off,
    current_setting('synchronous_commit') AS synchronous_commit,
    current_setting('synchronous_standby_names') <> '' AS names_standby,
    current_setting('server_encoding') AS encoding,
    pg_is_in_recovery() AS in_recovery,
    CASE
        WHEN pg_is_in_recovery() THEN 0
        ELSE ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint
    END AS timeline;
