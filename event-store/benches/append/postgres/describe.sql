SELECT format(
    'PostgreSQL %s, fsync %s, synchronous_commit %s, synchronous standbys %s, shared_buffers %s',
    current_setting('server_version'), current_setting('fsync'), current_setting('synchronous_commit'),
    coalesce(nullif(current_setting('synchronous_standby_names'), ''), 'none'), current_setting('shared_buffers')
);
