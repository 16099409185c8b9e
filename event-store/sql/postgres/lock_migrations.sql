-- Of several processes that bring the schema up to date, one does. The number is arbitrary, and this log's alone.
SELECT pg_advisory_xact_lock(7310586115208767854);
