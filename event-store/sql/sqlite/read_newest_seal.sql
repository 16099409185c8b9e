SELECT size, root, note, sealed_at FROM seal_heads WHERE size > 0 ORDER BY size DESC LIMIT 1;
