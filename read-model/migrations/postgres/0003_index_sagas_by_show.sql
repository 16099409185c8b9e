-- How far the refunds of a cancelled show are is counted among the sagas of that show alone.
CREATE INDEX sagas_by_show ON sagas (version, ((document::json ->> 'show_id')::uuid), payment_id);
