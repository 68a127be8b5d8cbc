-- Puts a log that was written under other names in the place of the old one, if that one is older or another's.
-- Without DEL: nobody needs the right to it.
-- KEYS[1]  aura:{namespace}:meta         hash; read, written
-- KEYS[2]  aura:{namespace}:log          stream; replaced
-- KEYS[3]  aura:{namespace}:retired      set; replaced
-- KEYS[4]  aura:{namespace}:log:NEW      stream, expires; renamed
-- KEYS[5]  aura:{namespace}:retired:NEW  set, expires; read
-- ARGV     store_id, epoch, end, active, tail, format; records that KEYS[4] holds, digests that KEYS[5] holds
-- Returns 1, 0 if the old one stays, -1 if what was written has expired, -2 if the old one has a later format.
local meta = redis.call('HMGET', KEYS[1], 'store_id', 'epoch', 'format')
local function number(text) -- nil for what nobody of us wrote; 15 digits are exact
  return text and #text <= 15 and tonumber(string.match(text, '^%d+$'))
end
local format, epoch = number(meta[3]), number(meta[2])
if format and format > tonumber(ARGV[6]) then
  return -2
end
if meta[1] == ARGV[1] and epoch and epoch >= tonumber(ARGV[2]) then
  return 0
end
if redis.call('XLEN', KEYS[4]) ~= tonumber(ARGV[7]) or redis.call('SCARD', KEYS[5]) ~= tonumber(ARGV[8]) then
  return -1
end
redis.call('RENAME', KEYS[4], KEYS[2])
redis.call('PERSIST', KEYS[2])
redis.call('SUNIONSTORE', KEYS[3], KEYS[5]) -- of nothing: no key
redis.call('HSET', KEYS[1], 'format', ARGV[6], 'store_id', ARGV[1], 'epoch', ARGV[2], 'end', ARGV[3],
  'active', ARGV[4], 'tail', ARGV[5])
return 1
