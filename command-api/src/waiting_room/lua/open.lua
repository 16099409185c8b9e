-- ARGV: first, last, opens_at, lobby_open, recovers_until, then customer, entry, number, expires_at of each known pass.
-- What an earlier life of the server has kept stays, but for its numbers.
if is_open() then
    return {'done', '0'}
end
redis.call('HSET', room_key, 'run', run, 'next', ARGV[3], 'last', ARGV[4], 'opens_at', ARGV[5], 'lobby_open', ARGV[6],
    'recovers_until', ARGV[7], 'rate_milli', '0', 'paused', '0', 'sold_out', '0', 'tokens', '0', 'tokens_at', '0')
for i = 8, #ARGV, 4 do
    local customer, entry, number, expires_at = ARGV[i], ARGV[i + 1], ARGV[i + 2], ARGV[i + 3]
    remove(customer)
    redis.call('HSET', entries_key, customer, packed(entry, number, whole(tonumber(number) * 65536), '0', 'A', expires_at))
    redis.call('ZADD', active_key, expires_at, customer)
end
return {'done', '1'}
