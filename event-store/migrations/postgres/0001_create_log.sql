-- The log. Names, columns and forms of what is stored are permanent. The first seven columns of `events` and its key are those of
-- postgres-es, so that stock cqrs-es tools read it; `json`, unlike `jsonb`, keeps each byte. Keys compare by bytes: their order is
-- the same on every machine, whatever its locale.

CREATE TABLE events (
    aggregate_type text COLLATE "C" NOT NULL,
    aggregate_id   text COLLATE "C" NOT NULL,
    sequence       bigint           NOT NULL,
    event_type     text             NOT NULL,
    event_version  text             NOT NULL,
    payload        json             NOT NULL,
    metadata       json             NOT NULL,
    position       bigint           NOT NULL,
    shard          bigint           NOT NULL,
    epoch          bigint           NOT NULL,
    event_id       uuid             NOT NULL,
    command_id     uuid             NOT NULL,
    routing_key    text             NOT NULL,
    recorded_at    timestamptz      NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id, sequence)
);

CREATE UNIQUE INDEX events_by_position ON events (position);

CREATE UNIQUE INDEX events_by_event_id ON events (event_id);

-- The number of the server's timeline: it rises with each promotion and each restore to a point in time.
CREATE FUNCTION log_timeline() RETURNS bigint LANGUAGE sql VOLATILE AS $$
    SELECT ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::bigint
$$;

-- One row: whoever commits takes its positions here, and keeps it until its commit is over. Room for its versions beside it makes
-- an update touch no index and no other page.
CREATE TABLE log_head (
    shard         bigint NOT NULL PRIMARY KEY,
    next_position bigint NOT NULL,
    epoch         bigint NOT NULL,
    -- The timeline on which the log was made: a server on another one was promoted or restored since.
    began         bigint NOT NULL
) WITH (fillfactor = 10);

INSERT INTO log_head (shard, next_position, epoch, began) VALUES (0, 1, log_timeline(), log_timeline());

CREATE TABLE stream_head (
    aggregate_type text COLLATE "C" NOT NULL,
    aggregate_id   text COLLATE "C" NOT NULL,
    version        bigint           NOT NULL,
    position       bigint           NOT NULL,
    recorded_at    timestamptz      NOT NULL,
    wake_at        timestamptz,
    PRIMARY KEY (aggregate_type, aggregate_id)
) WITH (fillfactor = 85);

CREATE INDEX stream_head_by_wake_at ON stream_head (aggregate_type, wake_at) WHERE wake_at IS NOT NULL;

CREATE TABLE commands (
    command_id     uuid   NOT NULL PRIMARY KEY,
    fingerprint    bytea  NOT NULL,
    first_position bigint NOT NULL,
    last_position  bigint NOT NULL
);

-- One row: the commands of events up to here were pruned, save those that are kept for ever.
CREATE TABLE commands_pruned (
    shard    bigint NOT NULL PRIMARY KEY,
    position bigint NOT NULL
) WITH (fillfactor = 10);

INSERT INTO commands_pruned (shard, position) VALUES (0, 0);

CREATE TABLE claims (
    namespace      text COLLATE "C" NOT NULL,
    key            text COLLATE "C" NOT NULL,
    aggregate_type text COLLATE "C" NOT NULL,
    aggregate_id   text COLLATE "C" NOT NULL,
    PRIMARY KEY (namespace, key)
);

-- Never the truth: may be emptied at any time.
CREATE TABLE snapshots (
    aggregate_type text COLLATE "C" NOT NULL,
    aggregate_id   text COLLATE "C" NOT NULL,
    schema         bigint           NOT NULL,
    version        bigint           NOT NULL,
    payload        text             NOT NULL,
    PRIMARY KEY (aggregate_type, aggregate_id)
);

-- One row, written to learn that everything up to a position is on the standby.
CREATE TABLE log_confirmed (
    shard    bigint NOT NULL PRIMARY KEY,
    position bigint NOT NULL
) WITH (fillfactor = 10);

INSERT INTO log_confirmed (shard, position) VALUES (0, 0);

-- Leases: who does a job of which there must be one. `claimed` is how far the leader went, or was about to.
CREATE TABLE leaders (
    name       text COLLATE "C" NOT NULL PRIMARY KEY,
    holder     uuid             NOT NULL,
    term       bigint           NOT NULL,
    expires_at timestamptz      NOT NULL,
    claimed    bigint           NOT NULL
) WITH (fillfactor = 10);

-- Stores a batch, whole or not at all: a call is a transaction is a round trip. Whatever stands in the way of an append raises an
-- integrity violation (class 23); the caller then leaves that append out. Arrays run side by side: e_ events; n_ heads of streams
-- that are new; h_ heads of streams that exist; g_ streams that are guarded; c_ commands; r_ claims that are released; s_ claims
-- that are set; k_ claims whose holder must be this one. Events are counted from 1 by the positions they will take.
CREATE FUNCTION append_events(
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
        -- What the stream itself holds counts as set; what another holds is not touched, and so is missing from the count.
        INSERT INTO claims (namespace, key, aggregate_type, aggregate_id)
        SELECT s.namespace, s.key, s.kind, s.id
        FROM unnest(s_namespace, s_key, s_type, s_id) AS s (namespace, key, kind, id)
        ON CONFLICT (namespace, key) DO UPDATE SET aggregate_type = excluded.aggregate_type
        WHERE claims.aggregate_type = excluded.aggregate_type AND claims.aggregate_id = excluded.aggregate_id;
        GET DIAGNOSTICS done = ROW_COUNT;
        IF done <> cardinality(s_namespace) THEN
            RAISE integrity_constraint_violation USING MESSAGE = 'a claim is taken';
        END IF;
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

-- Forgets the commands of at most `step` events that were recorded before `before`. Commands without a fingerprint are kept.
CREATE FUNCTION prune_commands(before timestamptz, step bigint, OUT forgotten bigint, OUT more boolean) LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    pruned bigint;
    last bigint;
    seen bigint;
BEGIN
    -- Two that prune at once take turns.
    SELECT p.position INTO pruned FROM commands_pruned AS p WHERE p.shard = 0 FOR UPDATE;
    SELECT coalesce(min(e.position) FILTER (WHERE e.recorded_at >= before) - 1, max(e.position)) INTO last
    FROM (
        SELECT v.position, v.recorded_at FROM events AS v
        WHERE v.position > pruned ORDER BY v.position LIMIT step
    ) AS e;
    seen := coalesce(last, pruned) - pruned;
    more := seen = step;
    forgotten := 0;
    IF seen > 0 THEN
        DELETE FROM commands AS c
        USING events AS e
        WHERE e.position > pruned AND e.position <= last AND c.command_id = e.command_id AND length(c.fingerprint) > 0;
        GET DIAGNOSTICS forgotten = ROW_COUNT;
        UPDATE commands_pruned AS p SET position = last WHERE p.shard = 0;
    END IF;
END $$;
