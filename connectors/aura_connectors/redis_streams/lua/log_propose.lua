-- Appends records to the log, if it is as the proposer knew it. All of them, or none.
-- KEYS[1]  aura:{namespace}:meta  hash store_id, epoch, end, tail, …; read, end and tail written
-- KEYS[2]  aura:{namespace}:log   stream; read, written
-- ARGV     store_id, epoch, end, tail as expected; new end, new tail; id of the last record there, or that of the
--          opening that stands there instead; msgpack [[id, record], …]
-- Returns 1, 0 if the log is another one by now, -1 if the stream does not end where the hash says.
local meta = redis.call('HMGET', KEYS[1], 'store_id', 'epoch', 'end', 'tail')
for place = 1, 4 do
  if meta[place] ~= ARGV[place] then
    return 0
  end
end
local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
if not last or last[1] ~= ARGV[7] then
  local opened = last and last[1] == ARGV[8] and string.sub(last[2][2] or '', -16) == ARGV[4]
  if not opened then
    return -1
  end
end
for _, record in ipairs(cmsgpack.unpack(ARGV[9])) do
  local reply = redis.pcall('XADD', KEYS[2], record[1], 'e', record[2])
  if type(reply) == 'table' and reply.err then -- at the first: nothing is written yet
    return string.find(reply.err, 'equal or smaller', 1, true) and -1 or reply
  end
end
redis.call('HSET', KEYS[1], 'end', ARGV[5], 'tail', ARGV[6])
return 1
