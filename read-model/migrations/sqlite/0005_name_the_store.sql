-- Tells this store from every other: those who project into it share the bus's partitions among themselves alone.
CREATE TABLE store (id TEXT NOT NULL) STRICT;
INSERT INTO store (id) VALUES (lower(hex(randomblob(16))));
