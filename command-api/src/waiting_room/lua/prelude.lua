-- Stands before every script. One show's keys, all under one hash tag, are handed to each of them.
--
--   room      hash: run, next, last, opens_at, lobby_open, recovers_until, rate_milli, paused, sold_out, tokens, tokens_at
--   entries   hash: customer -> entry|number|order|early|state|expires_at, where state is L (lobby), W (waits) or A (active)
--   queue     sorted set: customers who wait, by order
--   lobby     sorted set: customers in the lobby, by number
--   seen      sorted set: customers in lobby and queue, by when they were last heard of
--   active    sorted set: customers with a pass, by its end
--
-- Times are microseconds since 1970, as texts: Lua's floats hold them exactly, but would print them as 1.8e+15.
local room_key, entries_key, queue_key, lobby_key, seen_key, active_key = unpack(KEYS)
local run, now = ARGV[1], ARGV[2]

local function whole(number)
    return string.format('%.0f', number)
end

-- A room that another life of the server has kept is not this one's: writes of its last second may be missing.
local function is_open()
    return redis.call('HGET', room_key, 'run') == run
end

local function unpacked(value)
    return string.match(value, '^([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)|([^|]*)$')
end

local function packed(entry, number, order, early, state, expires_at)
    return table.concat({entry, number, order, early, state, expires_at}, '|')
end

local function recovers()
    return tonumber(now) < tonumber(redis.call('HGET', room_key, 'recovers_until'))
end

-- Puts an entry where its state says.
local function put(customer, entry, number, order, early, state)
    redis.call('HSET', entries_key, customer, packed(entry, number, order, early, state, '0'))
    redis.call('ZADD', seen_key, now, customer)
    if state == 'L' then
        redis.call('ZADD', lobby_key, number, customer)
    else
        redis.call('ZADD', queue_key, order, customer)
    end
end

local function remove(customer)
    redis.call('HDEL', entries_key, customer)
    redis.call('ZREM', queue_key, customer)
    redis.call('ZREM', lobby_key, customer)
    redis.call('ZREM', seen_key, customer)
    redis.call('ZREM', active_key, customer)
end

-- How an entry stands: what it is, how many are ahead, what all are told.
local function standing(customer, value, word)
    local _, _, _, early, state = unpacked(value)
    local ahead = 0
    if state == 'W' then
        ahead = redis.call('ZRANK', queue_key, customer)
        if early ~= '1' then
            ahead = ahead + redis.call('ZCARD', lobby_key)
        end
    end
    local told = redis.call('HMGET', room_key, 'rate_milli', 'paused', 'sold_out')
    return {word, customer, value, whole(ahead), told[1], told[2], told[3], recovers() and '1' or '0'}
end

-- Thousandths of tokens: what was left and what has gathered, a second's worth at most.
local function tokens(per_second)
    local full = per_second * 1000
    local kept = redis.call('HMGET', room_key, 'tokens', 'tokens_at')
    if kept[2] == '0' then
        return full
    end
    local gathered = math.min(math.max(tonumber(now) - tonumber(kept[2]), 0), 1000000)
    return math.min(tonumber(kept[1]) + math.floor(gathered * per_second / 1000), full)
end
