SELECT bytes FROM secrets WHERE name = $1
