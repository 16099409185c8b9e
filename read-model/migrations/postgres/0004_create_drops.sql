CREATE TABLE drops (
    version integer NOT NULL,
    drop_id uuid NOT NULL,
    document text NOT NULL,
    PRIMARY KEY (version, drop_id)
) WITH (fillfactor = 50);

-- The index by number is one that no later write changes.
CREATE TABLE drop_entries (
    version integer NOT NULL,
    entry_id uuid NOT NULL,
    document text NOT NULL,
    drop_id uuid NOT NULL,
    number integer NOT NULL,
    PRIMARY KEY (version, entry_id)
) WITH (fillfactor = 70);

-- The proof shows a drop's entries in the order of its list.
CREATE INDEX drop_entries_by_number ON drop_entries (version, drop_id, number);

-- With the tables of drops among its arguments it is another function.
DROP FUNCTION write_rows;

-- All of a write: versions are found, checkpoints compared and moved, rows stored, events parked and taken up. What stands against it
-- is raised, and undoes all of it; the detail is a JSON array that says what.
CREATE FUNCTION write_rows(
    version_projections text[], version_numbers integer[],
    projections text[], numbers integer[], partitions integer[], old_epochs bigint[], old_positions bigint[],
    epochs bigint[], positions bigint[], offsets bigint[],
    concerts_version integer, concerts_keys text[], concerts_documents text[],
    shows_version integer, shows_keys text[], shows_documents text[],
    seat_plans_version integer, seat_plans_keys text[], seat_plans_documents text[],
    seat_maps_version integer, seat_maps_keys text[], seat_maps_documents text[],
    reservations_version integer, reservations_keys text[], reservations_documents text[], reservations_customers uuid[],
    payments_version integer, payments_keys text[], payments_documents text[], payments_customers uuid[],
    accounts_version integer, accounts_keys text[], accounts_documents text[],
    transactions_version integer, transactions_keys text[], transactions_documents text[], transactions_customers uuid[],
    sagas_version integer, sagas_keys text[], sagas_documents text[], sagas_states text[],
    drops_version integer, drops_keys text[], drops_documents text[],
    drop_entries_version integer, drop_entries_keys text[], drop_entries_documents text[],
    drop_entries_drops uuid[], drop_entries_numbers integer[],
    park_projections text[], park_versions integer[], park_keys text[], park_positions bigint[],
    park_partitions integer[], park_events text[], park_reasons text[], park_times bigint[],
    unpark_projections text[], unpark_versions integer[], unpark_keys text[], unpark_positions bigint[]
) RETURNS void
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    changed bigint;
    culprit text;
BEGIN
    -- Shared: who swaps or drops a version waits for this write, and this write waits for them.
    PERFORM FROM versions
    WHERE (projection, version) IN (SELECT * FROM unnest(version_projections, version_numbers)) AND state <> 'dropped'
    ORDER BY projection, version
    FOR SHARE;
    GET DIAGNOSTICS changed = ROW_COUNT;
    IF changed <> cardinality(version_projections) THEN
        SELECT json_build_array(wanted.projection, wanted.version) INTO culprit
        FROM unnest(version_projections, version_numbers) AS wanted (projection, version)
        LEFT JOIN versions AS present
            ON present.projection = wanted.projection AND present.version = wanted.version AND present.state <> 'dropped'
        WHERE present.version IS NULL
        LIMIT 1;
        RAISE EXCEPTION 'a version is not there' USING ERRCODE = 'FR001', DETAIL = culprit;
    END IF;

    -- A checkpoint that does not exist stands at position 0 of epoch 0.
    IF 0 = ANY (old_positions) THEN
        INSERT INTO checkpoints (projection, version, partition, epoch, position, "offset")
        SELECT projection, version, partition, 0, 0, 0
        FROM unnest(projections, numbers, partitions, old_epochs, old_positions)
            AS wanted (projection, version, partition, epoch, position)
        WHERE wanted.epoch = 0 AND wanted.position = 0
        ON CONFLICT DO NOTHING;
    END IF;
    IF cardinality(projections) > 0 THEN
        -- Waits for another writer's lock and then compares with what that one has written.
        UPDATE checkpoints AS present
        SET epoch = wanted.epoch, position = wanted.position, "offset" = wanted."offset"
        FROM unnest(projections, numbers, partitions, old_epochs, old_positions, epochs, positions, offsets)
            AS wanted (projection, version, partition, old_epoch, old_position, epoch, position, "offset")
        WHERE present.projection = wanted.projection
            AND present.version = wanted.version
            AND present.partition = wanted.partition
            AND present.epoch = wanted.old_epoch
            AND present.position = wanted.old_position;
        GET DIAGNOSTICS changed = ROW_COUNT;
        IF changed <> cardinality(projections) THEN
            -- Those that stood where they should have moved already.
            SELECT json_build_array(wanted.projection, wanted.partition) INTO culprit
            FROM unnest(projections, numbers, partitions, epochs, positions)
                AS wanted (projection, version, partition, epoch, position)
            LEFT JOIN checkpoints AS present
                ON present.projection = wanted.projection
                AND present.version = wanted.version
                AND present.partition = wanted.partition
                AND present.epoch = wanted.epoch
                AND present.position = wanted.position
            ORDER BY present.position IS NOT NULL
            LIMIT 1;
            RAISE EXCEPTION 'a checkpoint has moved' USING ERRCODE = 'FR002', DETAIL = culprit;
        END IF;
    END IF;

    IF cardinality(concerts_keys) > 0 THEN
        INSERT INTO concerts (version, concert_id, document)
        SELECT concerts_version, key::uuid, document FROM unnest(concerts_keys, concerts_documents) AS wanted (key, document)
        ON CONFLICT (version, concert_id) DO UPDATE SET document = excluded.document;
    END IF;
    IF cardinality(shows_keys) > 0 THEN
        INSERT INTO shows (version, show_id, document)
        SELECT shows_version, key::uuid, document FROM unnest(shows_keys, shows_documents) AS wanted (key, document)
        ON CONFLICT (version, show_id) DO UPDATE SET document = excluded.document;
    END IF;
    IF cardinality(seat_plans_keys) > 0 THEN
        INSERT INTO seat_plans (version, show_id, document)
        SELECT seat_plans_version, key::uuid, document FROM unnest(seat_plans_keys, seat_plans_documents) AS wanted (key, document)
        ON CONFLICT (version, show_id) DO UPDATE SET document = excluded.document;
    END IF;
    IF cardinality(seat_maps_keys) > 0 THEN
        INSERT INTO seat_maps (version, show_id, document)
        SELECT seat_maps_version, key::uuid, document FROM unnest(seat_maps_keys, seat_maps_documents) AS wanted (key, document)
        ON CONFLICT (version, show_id) DO UPDATE SET document = excluded.document;
    END IF;
    IF cardinality(reservations_keys) > 0 THEN
        INSERT INTO reservations (version, reservation_id, document, customer_id)
        SELECT reservations_version, key::uuid, document, customer_id
        FROM unnest(reservations_keys, reservations_documents, reservations_customers) AS wanted (key, document, customer_id)
        ON CONFLICT (version, reservation_id) DO UPDATE SET document = excluded.document, customer_id = excluded.customer_id;
    END IF;
    IF cardinality(payments_keys) > 0 THEN
        INSERT INTO payments (version, payment_id, document, customer_id)
        SELECT payments_version, key::uuid, document, customer_id
        FROM unnest(payments_keys, payments_documents, payments_customers) AS wanted (key, document, customer_id)
        ON CONFLICT (version, payment_id) DO UPDATE SET document = excluded.document, customer_id = excluded.customer_id;
    END IF;
    IF cardinality(accounts_keys) > 0 THEN
        INSERT INTO accounts (version, customer_id, document)
        SELECT accounts_version, key::uuid, document FROM unnest(accounts_keys, accounts_documents) AS wanted (key, document)
        ON CONFLICT (version, customer_id) DO UPDATE SET document = excluded.document;
    END IF;
    IF cardinality(transactions_keys) > 0 THEN
        INSERT INTO transactions (version, position, document, customer_id)
        SELECT transactions_version, key::bigint, document, customer_id
        FROM unnest(transactions_keys, transactions_documents, transactions_customers) AS wanted (key, document, customer_id)
        ON CONFLICT (version, position) DO UPDATE SET document = excluded.document, customer_id = excluded.customer_id;
    END IF;
    IF cardinality(sagas_keys) > 0 THEN
        INSERT INTO sagas (version, payment_id, document, state)
        SELECT sagas_version, key::uuid, document, state
        FROM unnest(sagas_keys, sagas_documents, sagas_states) AS wanted (key, document, state)
        ON CONFLICT (version, payment_id) DO UPDATE SET document = excluded.document, state = excluded.state;
    END IF;
    IF cardinality(drops_keys) > 0 THEN
        INSERT INTO drops (version, drop_id, document)
        SELECT drops_version, key::uuid, document FROM unnest(drops_keys, drops_documents) AS wanted (key, document)
        ON CONFLICT (version, drop_id) DO UPDATE SET document = excluded.document;
    END IF;
    IF cardinality(drop_entries_keys) > 0 THEN
        INSERT INTO drop_entries (version, entry_id, document, drop_id, number)
        SELECT drop_entries_version, key::uuid, document, of_drop, of_number
        FROM unnest(drop_entries_keys, drop_entries_documents, drop_entries_drops, drop_entries_numbers)
            AS wanted (key, document, of_drop, of_number)
        ON CONFLICT (version, entry_id) DO UPDATE SET document = excluded.document;
    END IF;

    -- An event that is parked already gets the new reason and time.
    IF cardinality(park_keys) > 0 THEN
        INSERT INTO parked (projection, version, key, position, partition, event, reason, parked_at)
        SELECT * FROM unnest(
            park_projections, park_versions, park_keys, park_positions,
            park_partitions, park_events, park_reasons, park_times
        )
        ON CONFLICT (projection, version, key, position) DO UPDATE SET
            reason = excluded.reason,
            parked_at = excluded.parked_at;
    END IF;
    IF cardinality(unpark_keys) > 0 THEN
        WITH removed AS (
            DELETE FROM parked
            WHERE (projection, version, key, position) IN (
                SELECT * FROM unnest(unpark_projections, unpark_versions, unpark_keys, unpark_positions)
            )
            RETURNING projection, version, key, position
        )
        SELECT json_build_array(wanted.projection, wanted.key, wanted.position) INTO culprit
        FROM unnest(unpark_projections, unpark_versions, unpark_keys, unpark_positions)
            AS wanted (projection, version, key, position)
        LEFT JOIN removed USING (projection, version, key, position)
        WHERE removed.position IS NULL
        LIMIT 1;
        IF culprit IS NOT NULL THEN
            RAISE EXCEPTION 'an event is not parked' USING ERRCODE = 'FR003', DETAIL = culprit;
        END IF;
    END IF;
END;
$$;
