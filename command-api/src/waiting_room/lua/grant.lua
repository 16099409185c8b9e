-- ARGV: first, last. A block that the room has had changes nothing.
if not is_open() then
    return {'not_open'}
end
if tonumber(ARGV[3]) > tonumber(redis.call('HGET', room_key, 'last')) then
    redis.call('HSET', room_key, 'next', ARGV[3], 'last', ARGV[4])
end
return {'done', '1'}
