SELECT size, root, note, sealed_at FROM seal_heads ORDER BY size DESC LIMIT 1;
