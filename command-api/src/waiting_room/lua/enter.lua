-- ARGV: customer, entry.
if not is_open() then
    return {'not_open'}
end
local customer, entry = ARGV[3], ARGV[4]
local known = redis.call('HGET', entries_key, customer)
if known then
    redis.call('ZADD', seen_key, 'XX', now, customer)
    return standing(customer, known, 'already')
end
local room = redis.call('HMGET', room_key, 'next', 'last', 'opens_at', 'lobby_open')
local number = room[1]
if tonumber(number) > tonumber(room[2]) then
    return {'no_numbers', room[2]}
end
redis.call('HINCRBY', room_key, 'next', 1)
local early = room[4] == '1' and tonumber(now) < tonumber(room[3])
local order = whole(tonumber(number) * 65536)
put(customer, entry, number, order, early and '1' or '0', early and 'L' or 'W')
return standing(customer, redis.call('HGET', entries_key, customer), 'new')
