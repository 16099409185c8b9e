-- Counts go up in the order of their subjects: two processes that write at once wait for each other, and never in a circle. Numbers follow
-- from the counts, so that of all who write only the first of a subject are kept.
WITH told AS (
    SELECT t.subject, t.refused, t.last_at
    FROM unnest($1::text[], $2::bigint[], $3::timestamptz[]) AS t (subject, refused, last_at)
), counted AS (
    INSERT INTO refusal_counts AS c (subject, refused, last_at)
    SELECT subject, refused, last_at FROM told ORDER BY subject COLLATE "C"
    ON CONFLICT (subject) DO UPDATE
    SET refused = c.refused + excluded.refused, last_at = greatest(c.last_at, excluded.last_at)
    RETURNING c.subject, c.refused
), kept AS (
    INSERT INTO refusals (
        subject, number, refusal_id, at, command, command_id, code, detail, actor, correlation_id, position
    )
    SELECT
        r.subject, counted.refused - told.refused + r.place, r.refusal_id, r.at, r.command, r.command_id, r.code, r.detail,
        r.actor, r.correlation_id, r.position
    FROM unnest(
        $5::text[], $6::bigint[], $7::uuid[], $8::timestamptz[], $9::text[], $10::uuid[], $11::text[], $12::text[],
        $13::text[], $14::text[], $15::bigint[]
    ) AS r (subject, place, refusal_id, at, command, command_id, code, detail, actor, correlation_id, position)
    JOIN told ON told.subject = r.subject
    JOIN counted ON counted.subject = r.subject
    WHERE counted.refused - told.refused + r.place <= $4
)
SELECT subject FROM counted WHERE refused >= $4;
