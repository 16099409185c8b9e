INSERT INTO credentials_schema (version) VALUES (?1)
