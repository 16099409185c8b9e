TRUNCATE credentials.passwords, credentials.sessions
