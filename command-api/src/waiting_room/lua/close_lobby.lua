if not is_open() then
    return {'not_open'}
end
redis.call('HSET', room_key, 'lobby_open', '0')
return {'done', '1'}
