-- Acknowledges entries on behalf of the holder of the lease, and deletes them where that is asked for.
-- KEYS[1]  the stream; its pending entries written, with delete its entries too
-- KEYS[2]  aura:lease:{stream}:group  string "fence holder"; read
-- ARGV     "fence holder", group, consumer (not asked for), '1' to delete else '0', msgpack [id, …]
-- Returns 1, or -1 if the lease is lost: nothing is written then.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return -1
end
local ids = cmsgpack.unpack(ARGV[5])
for first = 1, #ids, 4000 do -- Lua passes at most 8,000 arguments
  local last = math.min(first + 3999, #ids)
  redis.call('XACK', KEYS[1], ARGV[2], unpack(ids, first, last))
  if ARGV[4] == '1' then
    redis.call('XDEL', KEYS[1], unpack(ids, first, last))
  end
end
return 1
