-- Tells this store from every other: those who project into it share the bus's partitions among themselves alone.
CREATE TABLE store (id uuid NOT NULL);
INSERT INTO store (id) VALUES (gen_random_uuid());
