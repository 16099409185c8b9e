-- ARGV: silent_since (or -1), limit. Nobody is silent while the room recovers. A room that nobody sweeps any more goes away by itself.
if not is_open() then
    return {'not_open'}
end
local silent = {}
if not recovers() then
    silent = redis.call('ZRANGEBYSCORE', seen_key, '-inf', ARGV[3], 'LIMIT', 0, ARGV[4])
end
for _, customer in ipairs(silent) do
    remove(customer)
end
local reply = {'swept', whole(#silent)}
for _, customer in ipairs(redis.call('ZRANGEBYSCORE', active_key, '-inf', now, 'LIMIT', 0, ARGV[4])) do
    table.insert(reply, customer)
    table.insert(reply, redis.call('HGET', entries_key, customer))
end
for _, key in ipairs(KEYS) do
    redis.call('EXPIRE', key, 604800)
end
return reply
