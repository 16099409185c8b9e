-- Nobody was promised what this transaction writes: it waits neither for the disk nor for a standby.
SET LOCAL synchronous_commit TO off;
