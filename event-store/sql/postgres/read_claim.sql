SELECT aggregate_type, aggregate_id FROM claims WHERE namespace = $1 AND key = $2;
