-- ARGV: admit_per_second, max_active, places, holding, batch. The least of what bounds an admission; nobody is let in by this.
if not is_open() then
    return {'not_open'}
end
local next_ones = {'places'}
if redis.call('ZCARD', lobby_key) > 0 or recovers() then
    return next_ones
end
local active = redis.call('ZCARD', active_key)
local capacity = tonumber(ARGV[4]) - active
local stock = tonumber(ARGV[5]) - math.max(active - tonumber(ARGV[6]), 0)
local count = math.min(math.floor(tokens(tonumber(ARGV[3])) / 1000), capacity, stock, tonumber(ARGV[7]))
if count > 0 then
    for _, customer in ipairs(redis.call('ZRANGE', queue_key, 0, count - 1)) do
        table.insert(next_ones, customer)
        table.insert(next_ones, redis.call('HGET', entries_key, customer))
    end
end
return next_ones
