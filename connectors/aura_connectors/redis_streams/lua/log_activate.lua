-- Moves the mark up to which records are durable; never back.
-- KEYS[1]  aura:{namespace}:meta  hash store_id, epoch, end, active, …; read, active written
-- KEYS[2]  aura:{namespace}:log   stream; read
-- ARGV     store_id, epoch as expected; generation and length of the new mark; greatest id before it; its tail
-- Returns 1, 0 if the log is another one by now, or does not hold that record there.
local meta = redis.call('HMGET', KEYS[1], 'store_id', 'epoch', 'end', 'active')
if meta[1] ~= ARGV[1] or meta[2] ~= ARGV[2] then
  return 0
end
local function before(position, generation, length)
  local g, l = string.match(position or '', '^(-?%d+):(%d+)$')
  g, l = tonumber(g), tonumber(l)
  return not g or g < generation or (g == generation and l < length)
end
local generation, length = tonumber(ARGV[3]), tonumber(ARGV[4])
if before(meta[3], generation, length) then
  return 0
end
local last = redis.call('XREVRANGE', KEYS[2], ARGV[5], '-', 'COUNT', 1)
local fields = last[1] and last[1][2]
if not fields or fields[1] ~= 'e' or string.sub(fields[2], -16) ~= ARGV[6] then
  return 0
end
if before(meta[4], generation, length) then
  redis.call('HSET', KEYS[1], 'active', ARGV[3] .. ':' .. ARGV[4])
end
return 1
