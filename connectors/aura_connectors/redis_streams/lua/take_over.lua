-- Takes over a page of the entries that were delivered to anyone and never settled, oldest first.
-- KEYS[1]  the stream; read, its pending entries written
-- KEYS[2]  aura:lease:{stream}:group  string "fence holder"; read
-- ARGV     "fence holder", group, consumer, cursor, count
-- Returns [next cursor, [[id, [field, value, …]], …], [id of an entry that is gone, …]], -1 if the lease is lost.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return -1
end
return redis.call('XAUTOCLAIM', KEYS[1], ARGV[2], ARGV[3], 0, ARGV[4], 'COUNT', ARGV[5])
