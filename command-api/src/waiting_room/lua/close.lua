redis.call('UNLINK', unpack(KEYS))
return {'done', '1'}
