-- Processes that start at once take turns; the lock ends with the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('frontrow.notifications', 0))
