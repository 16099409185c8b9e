CREATE SCHEMA IF NOT EXISTS notifications;
CREATE TABLE IF NOT EXISTS notifications.schema (version bigint NOT NULL PRIMARY KEY)
