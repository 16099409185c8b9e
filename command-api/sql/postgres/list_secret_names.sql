SELECT name FROM secrets WHERE name > $1 AND name < $2 ORDER BY name LIMIT $3
