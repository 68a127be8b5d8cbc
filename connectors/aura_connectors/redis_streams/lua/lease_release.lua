-- Gives back a lease that is still ours.
-- KEYS[1]  aura:lease:{stream}:group  string "fence holder"; read, deleted
-- ARGV     "fence holder"
-- Returns 1, or 0 if the lease was lost before.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('DEL', KEYS[1])
