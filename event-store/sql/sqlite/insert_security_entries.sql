INSERT INTO security_entries (at, kind, subject, role, target)
SELECT e.value ->> 0, e.value ->> 1, e.value ->> 2, e.value ->> 3, e.value ->> 4
FROM json_each($1) AS e;
