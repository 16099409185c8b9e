-- ARGV: customer, entry, of each. An entry that is another by now stays.
if not is_open() then
    return {'not_open'}
end
local released = 0
for i = 3, #ARGV, 2 do
    local known = redis.call('HGET', entries_key, ARGV[i])
    if known and unpacked(known) == ARGV[i + 1] then
        remove(ARGV[i])
        released = released + 1
    end
end
return {'done', whole(released)}
