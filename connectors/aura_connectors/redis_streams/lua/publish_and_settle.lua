#!lua
-- Publishes entries and settles them at their input as one step: each that is still pending, and no other.
-- A script is never rolled back, so nothing may fail between an entry's two halves. What can be known before is looked
-- at before; appending comes first, and where it fails all the same, what was appended is settled and the rest is not.
-- The first line makes the server refuse the whole script when it is out of memory: without it, XACK, which is allowed
-- then, would open the way for all that follows.
-- KEYS[1]  the input; its pending entries read and written, with delete its entries too
-- KEYS[2]  aura:lease:{stream}:group  string "fence holder"; read
-- KEYS[3]  the output; written
-- KEYS[4]  the stream of dead letters, or again the output; written
-- ARGV     "fence holder", group, consumer, '1' if only what that consumer still has is ours else '0', '1' to delete
--          else '0', length to trim the output to or '', msgpack [id, …] in order, msgpack [row of a dead letter from
--          1, …], msgpack [[field, value, …], …], or '' for one entry, whose fields and values are the arguments that
--          follow
-- Returns the number of entries that were published and settled, -1 if the lease is lost: nothing is written then.
if redis.call('GET', KEYS[2]) ~= ARGV[1] then
  return -1
end
for target = 3, 4 do
  local kind = redis.call('TYPE', KEYS[target]).ok
  if kind ~= 'stream' and kind ~= 'none' then
    return redis.error_reply('WRONGTYPE an output is a ' .. kind .. ', not a stream')
  end
end
if not redis.acl_check_cmd('XACK', KEYS[1], ARGV[2], '0-1')
  or (ARGV[5] == '1' and not redis.acl_check_cmd('XDEL', KEYS[1], '0-1')) then
  return redis.error_reply('NOPERM this user may not settle what it publishes: it needs xack, and xdel to delete')
end
local ids, entries = cmsgpack.unpack(ARGV[7]), {}
if ARGV[9] ~= '' then
  entries = cmsgpack.unpack(ARGV[9])
else
  entries[1] = {}
  for word = 10, #ARGV do
    entries[1][word - 9] = ARGV[word]
  end
end
local dead = {}
for _, row in ipairs(cmsgpack.unpack(ARGV[8])) do
  dead[row] = true
end
local only = ARGV[4] == '1' and ARGV[3] or nil
local function pending_between(first, last, count) -- NOGROUP ends the script here
  local words = {KEYS[1], ARGV[2], first, last, count}
  words[6] = only
  return redis.call('XPENDING', unpack(words))
end
local pending = {}
for _, row in ipairs(pending_between(ids[1], ids[#ids], #ids)) do -- in one step nearly always all
  pending[row[1]] = true
end
local done, failure = {}, nil
for row, id in ipairs(ids) do
  if pending[id] or #pending_between(id, id, 1) > 0 then
    local added
    if dead[row] then
      added = redis.pcall('XADD', KEYS[4], '*', unpack(entries[row]))
    elseif ARGV[6] ~= '' then
      added = redis.pcall('XADD', KEYS[3], 'MAXLEN', '~', ARGV[6], '*', unpack(entries[row]))
    else
      added = redis.pcall('XADD', KEYS[3], '*', unpack(entries[row]))
    end
    if added.err then
      failure = added
      break
    end
    done[#done + 1] = id
  end
end
for first = 1, #done, 4000 do -- Lua passes at most 8,000 arguments
  local last = math.min(first + 3999, #done)
  redis.call('XACK', KEYS[1], ARGV[2], unpack(done, first, last))
  if ARGV[5] == '1' then
    redis.call('XDEL', KEYS[1], unpack(done, first, last))
  end
end
return failure or #done
