-- Notes that a worker lives, and counts those that do.
-- KEYS[1]  aura:lease:{stream}:group:workers:digest  string, msgpack {holder: when it counts as dead, in ms}; read, written
-- ARGV     holder, time to live in ms; 0: it leaves
-- Returns the number of workers that live, this one included.
local time = redis.call('TIME')
local now, ttl = time[1] * 1000 + math.floor(time[2] / 1000), tonumber(ARGV[2])
local value = redis.call('GET', KEYS[1])
local read, known = pcall(cmsgpack.unpack, value or '\128')
local alive, count = {}, 0
for holder, dead in pairs(read and type(known) == 'table' and known or {}) do
  if holder ~= ARGV[1] and type(dead) == 'number' and dead > now then
    alive[holder] = dead
    count = count + 1
  end
end
if ttl > 0 then
  alive[ARGV[1]] = now + ttl
  count = count + 1
end
if count > 0 then
  redis.call('SET', KEYS[1], cmsgpack.pack(alive), 'PX', math.max(ttl, 60000))
else
  redis.call('DEL', KEYS[1])
end
return count
