TRUNCATE stream_head, claims, commands, snapshots;
