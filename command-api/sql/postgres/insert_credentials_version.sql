INSERT INTO credentials.schema (version) VALUES ($1)
