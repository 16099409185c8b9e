SELECT id::text FROM store
