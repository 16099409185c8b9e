if not is_open() then
    return {'not_open'}
end
return {'depth', whole(redis.call('ZCARD', queue_key)), whole(redis.call('ZCARD', lobby_key)),
    whole(redis.call('ZCARD', active_key)), redis.call('HGET', room_key, 'lobby_open'), recovers() and '1' or '0'}
