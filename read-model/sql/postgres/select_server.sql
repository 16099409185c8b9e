-- What the server is. The timeline counts promotions; a standby follows one and has none of its own.
SELECT
    pg_is_in_recovery() AS in_recovery,
    CASE
        WHEN pg_is_in_recovery() THEN 0
        ELSE ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::bigint
    END AS timeline,
    to_regclass('live') IS NOT NULL AS has_rows
