-- What is committed when this write is answered is on the standby, if this write is: the standby receives one after the other.
UPDATE log_confirmed
SET position = greatest(position, (SELECT h.next_position - 1 FROM log_head AS h WHERE h.shard = 0))
WHERE shard = 0
RETURNING position;
