-- Notes templates that are no longer written with.
-- KEYS[1]  aura:{namespace}:meta     hash store_id, epoch, …; read
-- KEYS[2]  aura:{namespace}:retired  set of digests; written
-- ARGV     store_id, epoch as expected; msgpack [digest, …]
-- Returns 1, 0 if the log is another one by now.
local meta = redis.call('HMGET', KEYS[1], 'store_id', 'epoch')
if meta[1] ~= ARGV[1] or meta[2] ~= ARGV[2] then
  return 0
end
local digests = cmsgpack.unpack(ARGV[3])
for first = 1, #digests, 4000 do -- Lua passes at most 8,000 arguments
  redis.call('SADD', KEYS[2], unpack(digests, first, math.min(first + 3999, #digests)))
end
return 1
