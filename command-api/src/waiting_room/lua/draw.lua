-- ARGV: customer, number, of each. Who is not in the lobby is left out.
if not is_open() then
    return {'not_open'}
end
for i = 3, #ARGV, 2 do
    local customer, number = ARGV[i], ARGV[i + 1]
    if redis.call('ZREM', lobby_key, customer) == 1 then
        local entry, _, _, early = unpacked(redis.call('HGET', entries_key, customer))
        local order = whole(tonumber(number) * 65536)
        redis.call('HSET', entries_key, customer, packed(entry, number, order, early, 'W', '0'))
        redis.call('ZADD', queue_key, order, customer)
    end
end
return {'done', '1'}
