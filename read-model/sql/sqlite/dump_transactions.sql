-- ?1: the version; ?2: key behind which to begin; ?3: most rows.
SELECT position AS key, document FROM transactions WHERE version = ?1 AND position > ?2 ORDER BY position LIMIT ?3
