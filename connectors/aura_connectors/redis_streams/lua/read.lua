-- Delivers the next new entries to the holder of the lease, and to nobody else: a worker that lost its lease
-- without noticing must not take entries that its successor would then miss.
-- KEYS[1]  the stream; read, its group and pending entries written
-- KEYS[2]  aura:lease:{stream}:group  string "fence holder"; read
-- ARGV     "fence holder", group, consumer, most entries, bytes after which no more are read, entries in one step
-- Returns [[id, [field, value, …]], …], -1 if the lease is lost.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return -1
end
local entries, bytes = {}, 0
local left, enough, step = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
while left > 0 and bytes < enough do -- in steps: XREADGROUP knows no limit in bytes
  local count = math.min(left, step)
  local reply = redis.call('XREADGROUP', 'GROUP', ARGV[2], ARGV[3], 'COUNT', count, 'STREAMS', KEYS[1], '>')
  local found = reply and reply[1][2] or {}
  for _, entry in ipairs(found) do
    entries[#entries + 1] = entry
    for _, part in ipairs(entry[2]) do
      bytes = bytes + #part
    end
  end
  left = #found < count and 0 or left - count
end
return entries
