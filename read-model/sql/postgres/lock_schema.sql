-- CREATE SCHEMA IF NOT EXISTS fails where two do it at once: those who open the store take turns. The number is this lock's alone.
SELECT pg_advisory_xact_lock(5929037461253304)
