-- Webhooks of one organizer are added one after the other: their number is bounded. The lock ends with the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('frontrow.webhooks.' || $1::text, 0))
