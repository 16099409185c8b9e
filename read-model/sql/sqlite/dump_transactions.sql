-- ?1: key behind which to begin; ?2: most rows.
SELECT position AS key, document FROM transactions WHERE position > ?1 ORDER BY position LIMIT ?2
