-- ARGV: rate_milli, paused, sold_out.
if not is_open() then
    return {'not_open'}
end
redis.call('HSET', room_key, 'rate_milli', ARGV[3], 'paused', ARGV[4], 'sold_out', ARGV[5])
return {'done', '1'}
