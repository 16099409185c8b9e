SELECT forgotten, more FROM prune_commands($1, $2);
