-- Delivers the next new entries to the holder of the lease, and to nobody else: a worker that lost its lease
-- without noticing must not take entries that its successor would then miss.
-- KEYS[1]  the stream; read, its group and pending entries written
-- KEYS[2]  aura:lease:{stream}:group  string "fence holder"; read
-- ARGV     "fence holder", group, consumer, count
-- Returns [[id, [field, value, …]], …], nil if there is nothing new, -1 if the lease is lost.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return -1
end
local reply = redis.call('XREADGROUP', 'GROUP', ARGV[2], ARGV[3], 'COUNT', ARGV[4], 'STREAMS', KEYS[1], '>')
return reply and reply[1][2]
