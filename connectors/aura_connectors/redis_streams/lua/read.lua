-- Delivers the next new entries to the holder of the lease, and to nobody else: a worker that lost its lease
-- without noticing must not take entries that its successor would then miss. Counts those that were trimmed away before
-- they were delivered to anybody, each once.
-- KEYS[1]  the stream; read, its group and pending entries written
-- KEYS[2]  aura:lease:{stream}:group  string "fence holder"; read
-- ARGV     "fence holder", group, consumer, most entries, bytes after which no more are read, entries in one step
-- Returns [entries trimmed away, [[id, [field, value, …]], …]], -1 if the lease is lost.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return -1
end
local function named(flat)
  local found = {}
  for place = 1, #flat, 2 do
    found[flat[place]] = flat[place + 1]
  end
  return found
end
local function order(id)
  local milliseconds, sequence = string.match(id, '(%d+)-(%d+)')
  return tonumber(milliseconds), tonumber(sequence)
end
local function before(id, other)
  local milliseconds, sequence = order(id)
  local others, last = order(other)
  return milliseconds < others or (milliseconds == others and sequence < last)
end
local function trimmed()
  local group
  local groups = redis.pcall('XINFO', 'GROUPS', KEYS[1])
  for _, each in ipairs(groups.err and {} or groups) do -- no stream: XREADGROUP tells
    local found = named(each)
    group = found['name'] == ARGV[2] and found or group
  end
  if not (group and group['entries-read']) then
    return 0 -- Redis has lost count
  end
  if #redis.call('XRANGE', KEYS[1], '-', group['last-delivered-id'], 'COUNT', 1) > 0 then
    return 0 -- it is trimmed from its beginning on, and what was delivered last is there
  end
  local stream = named(redis.call('XINFO', 'STREAM', KEYS[1]))
  local deleted = stream['max-deleted-entry-id']
  if stream['first-entry'] and not before(deleted, stream['first-entry'][1]) then
    return 0 -- XDEL was at work further on: nobody knows how many of the missing were here
  end
  local gone = stream['entries-added'] - stream['length']
  local missed = gone - group['entries-read']
  if missed > 0 then -- Redis 7.0 would go on from the number of those that were read
    redis.call('XGROUP', 'SETID', KEYS[1], ARGV[2], group['last-delivered-id'], 'ENTRIESREAD', gone)
  end
  return math.max(missed, 0)
end
local missed, entries, bytes = trimmed(), {}, 0
local left, enough, step = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
while left > 0 and bytes < enough do -- in steps: XREADGROUP knows no limit in bytes
  local count = math.min(left, step)
  local reply = redis.call('XREADGROUP', 'GROUP', ARGV[2], ARGV[3], 'COUNT', count, 'STREAMS', KEYS[1], '>')
  local found = reply and reply[1][2] or {}
  for _, entry in ipairs(found) do
    entries[#entries + 1] = entry
    for _, part in ipairs(entry[2]) do
      bytes = bytes + #part
    end
  end
  left = #found < count and 0 or left - count
end
return {missed, entries}
