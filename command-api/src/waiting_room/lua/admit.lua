-- ARGV: admit_per_second, expires_at, then the customers. Who does not wait is left out.
if not is_open() then
    return {'not_open'}
end
local expires_at, admitted = ARGV[4], 0
for i = 5, #ARGV do
    local customer = ARGV[i]
    if redis.call('ZREM', queue_key, customer) == 1 then
        local entry, number, order, early = unpacked(redis.call('HGET', entries_key, customer))
        redis.call('HSET', entries_key, customer, packed(entry, number, order, early, 'A', expires_at))
        redis.call('ZREM', seen_key, customer)
        redis.call('ZADD', active_key, expires_at, customer)
        admitted = admitted + 1
    end
end
redis.call('HSET', room_key, 'tokens', whole(tokens(tonumber(ARGV[3])) - admitted * 1000), 'tokens_at', now)
return {'done', whole(admitted)}
