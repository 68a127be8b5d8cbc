-- Takes back that entries were handed out: they were not settled, through no fault of theirs. Whoever looks for what
-- was left behind finds them at once.
-- KEYS[1]  the stream; read, its pending entries written
-- KEYS[2]  aura:lease:{stream}:group  string "fence holder"; read
-- ARGV     "fence holder", group, consumer, times, ms without a sign of life, msgpack [id, …]
-- Returns [id of an entry that is gone, …], -1 if the lease is lost.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return -1
end
local gone = {}
for _, id in ipairs(cmsgpack.unpack(ARGV[6])) do
  if #redis.call('XPENDING', KEYS[1], ARGV[2], id, id, 1) > 0 then
    local kept = redis.call(
      'XCLAIM', KEYS[1], ARGV[2], ARGV[3], 0, id, 'IDLE', ARGV[5], 'RETRYCOUNT', ARGV[4], 'JUSTID'
    )
    if #kept == 0 then
      gone[#gone + 1] = id
    end
  end
end
return gone
