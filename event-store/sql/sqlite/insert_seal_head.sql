INSERT INTO seal_heads (size, root, note, sealed_at) VALUES ($1, $2, $3, $4);
