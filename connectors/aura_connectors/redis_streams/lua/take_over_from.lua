-- Takes over a page of what one consumer left behind: one that is silent, or we ourselves before we lost our lease.
-- How often each entry was handed out stays as it is (JUSTID). A silent consumer without any entries is removed.
-- KEYS[1]  the stream; read, its pending entries written
-- KEYS[2]  aura:lease:{stream}:group:consumer  string "fence holder", ours; read
-- KEYS[3]  aura:lease:{stream}:group:consumer  the other consumer's, gone if it is silent; read
-- ARGV     "fence holder", group, consumer, other consumer, ms without a sign of life, first id, count
-- Returns [first id of the next page or '', [[id, times], …], [id of an entry that is gone, …]], -1 if the lease is
-- lost.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return -1
end
local ours = ARGV[3] == ARGV[4]
if not ours and redis.call('GET', KEYS[3]) then
  return {'', {}, {}}
end
local rows
if ours then
  rows = redis.call('XPENDING', KEYS[1], ARGV[2], ARGV[6], '+', ARGV[7], ARGV[4])
else
  rows = redis.call('XPENDING', KEYS[1], ARGV[2], 'IDLE', ARGV[5], ARGV[6], '+', ARGV[7], ARGV[4])
end
local found, gone, next_id = {}, {}, ''
if #rows > 0 then
  local words, kept = {KEYS[1], ARGV[2], ARGV[3], 0}, {}
  for _, row in ipairs(rows) do
    words[#words + 1] = row[1]
  end
  words[#words + 1] = 'JUSTID'
  for _, id in ipairs(redis.call('XCLAIM', unpack(words))) do
    kept[id] = true
  end
  for _, row in ipairs(rows) do
    if kept[row[1]] then
      found[#found + 1] = {row[1], row[4]}
    else
      gone[#gone + 1] = row[1]
    end
  end
end
if #rows == tonumber(ARGV[7]) then
  next_id = '(' .. rows[#rows][1]
elseif not ours and #redis.call('XPENDING', KEYS[1], ARGV[2], '-', '+', 1, ARGV[4]) == 0 then
  redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[2], ARGV[4])
end
return {next_id, found, gone}
