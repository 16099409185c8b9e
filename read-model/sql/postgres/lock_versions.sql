-- The lock puts changes to the versions of one projection in a row; writers of rows hold a shared lock of theirs, so the change waits
-- for writes under way, and writes behind it see it. $1: the projection.
SELECT version FROM versions WHERE projection = $1 ORDER BY version FOR UPDATE
