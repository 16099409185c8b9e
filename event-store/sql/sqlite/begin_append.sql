-- IMMEDIATE takes the write lock: from here to the end no other process commits, so what is read stays true.
BEGIN IMMEDIATE;
