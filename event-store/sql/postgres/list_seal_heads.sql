SELECT size, root, note, sealed_at FROM seal_heads WHERE size > $1 ORDER BY size LIMIT $2;
