-- ARGV: customer. A sign of life.
if not is_open() then
    return {'not_open'}
end
local customer = ARGV[3]
local known = redis.call('HGET', entries_key, customer)
if not known then
    return {'unknown'}
end
redis.call('ZADD', seen_key, 'XX', now, customer)
return standing(customer, known, 'standing')
