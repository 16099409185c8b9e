-- ARGV: customer, entry, number, order, early. An entry that is there stays as it is.
if not is_open() then
    return {'not_open'}
end
local customer = ARGV[3]
local known = redis.call('HGET', entries_key, customer)
if not known then
    if not recovers() then
        return {'too_late'}
    end
    local early = ARGV[7] == '1' and redis.call('HGET', room_key, 'lobby_open') == '1'
    put(customer, ARGV[4], ARGV[5], ARGV[6], ARGV[7], early and 'L' or 'W')
    known = redis.call('HGET', entries_key, customer)
end
return standing(customer, known, 'standing')
