-- A customer's sessions are opened one after the other, or two that don't see each other would exceed the bound together.
SELECT pg_advisory_xact_lock(hashtextextended($1::uuid::text, 0))
