-- ARGV: after, limit.
if not is_open() then
    return {'not_open'}
end
local places = {'places'}
for _, customer in ipairs(redis.call('ZRANGEBYSCORE', lobby_key, '(' .. ARGV[3], '+inf', 'LIMIT', 0, ARGV[4])) do
    table.insert(places, customer)
    table.insert(places, redis.call('HGET', entries_key, customer))
end
return places
