INSERT INTO security_entries (at, kind, subject, role, target)
SELECT e.at, e.kind, e.subject, e.role, e.target
FROM unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::text[])
    WITH ORDINALITY AS e (at, kind, subject, role, target, place)
ORDER BY e.place;
