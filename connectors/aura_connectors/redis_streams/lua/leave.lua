-- Gives back a lease that is still ours, and removes its consumer, unless entries are left behind in its name.
-- KEYS[1]  the stream; its consumers written
-- KEYS[2]  aura:lease:{stream}:group:consumer  string "fence holder"; read, deleted
-- ARGV     "fence holder", group, consumer
-- Returns 1, or 0 if the lease was lost before.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return 0
end
redis.call('DEL', KEYS[2])
local left = redis.pcall('XPENDING', KEYS[1], ARGV[2], '-', '+', 1, ARGV[3]) -- an error: the group is gone
if not left.err and #left == 0 then
  redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[2], ARGV[3])
end
return 1
