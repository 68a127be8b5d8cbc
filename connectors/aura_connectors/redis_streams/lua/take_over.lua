-- Takes over a page of the entries that were delivered to anyone and never settled, oldest first. How often each was
-- handed out stays as it is (JUSTID): only `claim` counts, what it hands out.
-- KEYS[1]  the stream; read, its pending entries written
-- KEYS[2]  aura:lease:{stream}:group  string "fence holder"; read
-- ARGV     "fence holder", group, consumer, cursor, count
-- Returns [next cursor, [[id, times], …], [id of an entry that is gone, …]], -1 if the lease is lost.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return -1
end
local page = redis.call('XAUTOCLAIM', KEYS[1], ARGV[2], ARGV[3], 0, ARGV[4], 'COUNT', ARGV[5], 'JUSTID')
local ids, found = page[2], {}
if #ids > 0 then
  for row, entry in ipairs(redis.call('XPENDING', KEYS[1], ARGV[2], ids[1], ids[#ids], #ids)) do
    found[row] = {entry[1], entry[4]}
  end
end
return {page[1], found, page[3]}
