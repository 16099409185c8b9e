-- $1: the version; $2: key behind which to begin, or NULL; $3: most rows. Keys are 20 digits.
SELECT lpad(position::text, 20, '0') AS key, document FROM transactions
WHERE version = $1 AND position > coalesce($2::text::bigint, -1)
ORDER BY transactions.position LIMIT $3
