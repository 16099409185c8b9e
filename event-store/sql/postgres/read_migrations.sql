SELECT version, checksum FROM log_migrations ORDER BY version;
