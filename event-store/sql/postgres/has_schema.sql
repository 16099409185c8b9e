SELECT to_regclass('log_migrations') IS NOT NULL;
