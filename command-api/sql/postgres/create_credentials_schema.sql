CREATE SCHEMA IF NOT EXISTS credentials;
CREATE TABLE IF NOT EXISTS credentials.schema (version bigint NOT NULL PRIMARY KEY)
