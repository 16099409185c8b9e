-- The function of before, but claims are set by a plain insert: `ON CONFLICT` inserts each row twice over, first as a guess, and made
-- that statement 1.6 times as expensive. The first try of a batch expects no claim to be held, the next one knows the holders.
CREATE OR REPLACE FUNCTION append_events(
    needs_standby boolean,
    e_type text[], e_id text[], e_sequence bigint[], e_name text[], e_version text[], e_payload text[], e_metadata text[],
    e_event uuid[], e_command uuid[], e_key text[], e_at timestamptz[],
    n_type text[], n_id text[], n_version bigint[], n_last bigint[], n_at timestamptz[], n_wake timestamptz[],
    h_type text[], h_id text[], h_expected bigint[], h_version bigint[], h_last bigint[], h_at timestamptz[],
    h_wake timestamptz[], h_keep boolean[],
    g_type text[], g_id text[], g_expected bigint[], g_wake timestamptz[], g_keep boolean[],
    c_id uuid[], c_fingerprint bytea[], c_first bigint[], c_last bigint[],
    r_namespace text[], r_key text[], r_type text[], r_id text[],
    s_namespace text[], s_key text[], s_type text[], s_id text[],
    k_namespace text[], k_key text[], k_type text[], k_id text[],
    OUT first bigint, OUT epoch bigint, OUT told_at timestamptz
) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    events bigint := cardinality(e_type);
    timeline bigint := ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint;
    base bigint;
    now_epoch bigint;
    done bigint;
BEGIN
    told_at := clock_timestamp();
    -- Without it the server would acknowledge what it alone has.
    IF needs_standby AND current_setting('synchronous_standby_names') = '' THEN
        RAISE EXCEPTION 'synchronous_standby_names was emptied' USING ERRCODE = 'EL002';
    END IF;
    -- The row lock is kept until the commit is over: this is what orders positions, of all processes.
    UPDATE log_head SET next_position = next_position + events, epoch = greatest(log_head.epoch, timeline)
    WHERE shard = 0
    RETURNING next_position - events - 1, log_head.epoch INTO base, now_epoch;
    IF now_epoch IS DISTINCT FROM timeline THEN
        RAISE EXCEPTION 'history diverged: the log is of epoch %, the server of timeline %', now_epoch, timeline
            USING ERRCODE = 'EL001';
    END IF;
    -- Each statement from here on sees what was committed before the lock was granted.
    IF cardinality(c_id) > 0 THEN
        INSERT INTO commands (command_id, fingerprint, first_position, last_position)
        SELECT c.id, c.fingerprint, base + c.first, base + c.last
        FROM unnest(c_id, c_fingerprint, c_first, c_last) AS c (id, fingerprint, first, last);
    END IF;
    IF cardinality(n_type) > 0 THEN
        INSERT INTO stream_head (aggregate_type, aggregate_id, version, position, recorded_at, wake_at)
        SELECT n.kind, n.id, n.version, base + n.last, n.recorded_at, n.wake
        FROM unnest(n_type, n_id, n_version, n_last, n_at, n_wake) AS n (kind, id, version, last, recorded_at, wake);
    END IF;
    IF cardinality(h_type) > 0 THEN
        UPDATE stream_head
        SET version = h.version, position = base + h.last, recorded_at = h.recorded_at,
            wake_at = CASE WHEN h.keep THEN stream_head.wake_at ELSE h.wake END
        FROM unnest(h_type, h_id, h_expected, h_version, h_last, h_at, h_wake, h_keep)
            AS h (kind, id, expected, version, last, recorded_at, wake, keep)
        WHERE stream_head.aggregate_type = h.kind AND stream_head.aggregate_id = h.id AND stream_head.version = h.expected;
        GET DIAGNOSTICS done = ROW_COUNT;
        IF done <> cardinality(h_type) THEN
            RAISE integrity_constraint_violation USING MESSAGE = 'a stream does not stand at its expected version';
        END IF;
    END IF;
    IF cardinality(g_type) > 0 THEN
        IF EXISTS (
            SELECT FROM unnest(g_type, g_id, g_expected) AS g (kind, id, expected)
            WHERE g.expected <> coalesce((
                SELECT s.version FROM stream_head AS s WHERE s.aggregate_type = g.kind AND s.aggregate_id = g.id
            ), 0)
        ) THEN
            RAISE integrity_constraint_violation USING MESSAGE = 'a guarded stream does not stand at its expected version';
        END IF;
        UPDATE stream_head SET wake_at = g.wake
        FROM unnest(g_type, g_id, g_wake, g_keep) AS g (kind, id, wake, keep)
        WHERE NOT g.keep AND stream_head.aggregate_type = g.kind AND stream_head.aggregate_id = g.id;
    END IF;
    IF cardinality(k_namespace) > 0 AND EXISTS (
        SELECT FROM unnest(k_namespace, k_key, k_type, k_id) AS k (namespace, key, kind, id)
        LEFT JOIN claims AS c ON c.namespace = k.namespace AND c.key = k.key
        WHERE (c.aggregate_type, c.aggregate_id) IS DISTINCT FROM (k.kind, k.id)
    ) THEN
        RAISE integrity_constraint_violation USING MESSAGE = 'a claim changed hands';
    END IF;
    IF cardinality(r_namespace) > 0 THEN
        DELETE FROM claims
        USING unnest(r_namespace, r_key, r_type, r_id) AS r (namespace, key, kind, id)
        WHERE claims.namespace = r.namespace AND claims.key = r.key
            AND claims.aggregate_type = r.kind AND claims.aggregate_id = r.id;
    END IF;
    IF cardinality(s_namespace) > 0 THEN
        -- One that the stream holds already is a violation like any other: the caller tries again and lists it among those that must hold.
        INSERT INTO claims (namespace, key, aggregate_type, aggregate_id)
        SELECT s.namespace, s.key, s.kind, s.id
        FROM unnest(s_namespace, s_key, s_type, s_id) AS s (namespace, key, kind, id);
    END IF;
    INSERT INTO events (
        aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata,
        position, shard, epoch, event_id, command_id, routing_key, recorded_at
    )
    SELECT
        e.kind, e.id, e.sequence, e.name, e.version, e.payload::json, e.metadata::json,
        base + e.ordinal, 0, now_epoch, e.event, e.command, e.key, e.recorded_at
    FROM unnest(
        e_type, e_id, e_sequence, e_name, e_version, e_payload, e_metadata, e_event, e_command, e_key, e_at
    ) WITH ORDINALITY
        AS e (kind, id, sequence, name, version, payload, metadata, event, command, key, recorded_at, ordinal);
    -- One for a batch, never one for a row: at the commit it takes a lock of the whole server.
    PERFORM pg_notify('event_log', (base + events)::text);
    first := base + 1;
    epoch := now_epoch;
END $$;
