SELECT name, bytes FROM secrets WHERE name > ?1 ORDER BY name LIMIT ?2
