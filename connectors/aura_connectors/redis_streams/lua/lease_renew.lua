-- Lengthens a lease that is still ours.
-- KEYS[1]  aura:lease:{stream}:group  string "fence holder"; read, its expiry written
-- ARGV     "fence holder", time to live in ms
-- Returns 1, or 0 if the lease is lost.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then
  return 0
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
