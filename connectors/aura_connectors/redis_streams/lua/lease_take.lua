-- Takes the lease of a stream for a group, if no other worker holds it.
-- KEYS[1]  aura:lease:{stream}:group  string "fence holder", expires; read, written
-- ARGV     holder, time to live in ms
-- Returns the fencing number (microseconds on the server's clock, so new after a flush too), 0 if another holds it.
local value = redis.call('GET', KEYS[1])
if value and string.match(value, '^%d+ (.*)$') ~= ARGV[1] then
  return '0'
end
local time = redis.call('TIME')
local fence = string.format('%d%06d', time[1], time[2])
redis.call('SET', KEYS[1], fence .. ' ' .. ARGV[1], 'PX', ARGV[2])
return fence
