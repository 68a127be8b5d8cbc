-- Appends entries in order. Redis refuses the whole script when it is out of memory or a replica: no gaps.
-- KEYS[1]  the stream; written
-- ARGV     msgpack [[field, value, …], …], length to trim to or ''
-- Returns the number of entries.
local entries = cmsgpack.unpack(ARGV[1])
if ARGV[2] == '' then
  for _, entry in ipairs(entries) do
    redis.call('XADD', KEYS[1], '*', unpack(entry))
  end
else
  for _, entry in ipairs(entries) do
    redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[2], '*', unpack(entry))
  end
end
return #entries
