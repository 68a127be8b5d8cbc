-- Reads pending entries that are ours, to be handed out for the n-th time: the count is written before they are.
-- KEYS[1]  the stream; read, its pending entries written
-- KEYS[2]  aura:lease:{stream}:group  string "fence holder"; read
-- ARGV     "fence holder", group, consumer, n, bytes after which no more are read, entries in one step, msgpack [id, …]
-- Returns [[[id, [field, value, …]], …], how many of the ids were looked at], -1 if the lease is lost. What was looked
-- at and is not returned is gone.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return -1
end
local ids, entries, bytes, looked = cmsgpack.unpack(ARGV[7]), {}, 0, 0
local enough, step = tonumber(ARGV[5]), tonumber(ARGV[6])
while looked < #ids and bytes < enough do -- in steps: XCLAIM knows no limit in bytes
  local words, last = {KEYS[1], ARGV[2], ARGV[3], 0}, math.min(looked + step, #ids)
  for row = looked + 1, last do
    words[#words + 1] = ids[row]
  end
  words[#words + 1] = 'RETRYCOUNT'
  words[#words + 1] = ARGV[4]
  for _, entry in ipairs(redis.call('XCLAIM', unpack(words))) do
    entries[#entries + 1] = entry
    for _, part in ipairs(entry[2]) do
      bytes = bytes + #part
    end
  end
  looked = last
end
return {entries, looked}
