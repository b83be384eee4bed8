"""The Lua of the second layer. Every key of one cache has the hash tag {name}, so each script runs on one cluster node.

An entry is `<generation>|<sealed value>`; a lease is `<token>|<generation>`. A level's generation is the time of its
last invalidation in microseconds, and a key's generation is the highest among its levels: an entry or a lease with
another generation than its key's is void. That is how one write forgets a whole level.
"""

from services.kit.cache.batch import LuaScript

# KEYS from index `first` on are the generations of the key's levels.
_GENERATION = """
local function generation(first)
  local highest = 0
  for index = first, #KEYS do
    local stamp = tonumber(redis.call('GET', KEYS[index]) or '0')
    if stamp > highest then highest = stamp end
  end
  return string.format('%.0f', highest)
end
"""

_ENTRY = """
local function entry(key, mark)
  local raw = redis.call('GET', key)
  if not raw then return false, 0 end
  local bar = string.find(raw, '|', 1, true)
  if string.sub(raw, 1, bar - 1) ~= mark then return false, 0 end
  return string.sub(raw, bar + 1), redis.call('PTTL', key)
end
"""

# KEYS entry, levels... -> {data or false, milliseconds left}
PEEK = LuaScript(
    _GENERATION
    + _ENTRY
    + """
local data, left = entry(KEYS[1], generation(2))
return {data, left}
"""
)

# KEYS entry, lease, levels...  ARGV token, lease ms, grace ms, steal -> {data or false, ms left, generation or false}
LOOKUP = LuaScript(
    _GENERATION
    + _ENTRY
    + """
local mark = generation(3)
local data, left = entry(KEYS[1], mark)
if data and left > tonumber(ARGV[3]) then return {data, left, false} end
local holder = redis.call('GET', KEYS[2])
if holder and ARGV[4] == '0' and string.match(holder, '|(%d+)$') == mark then return {data, left, false} end
redis.call('SET', KEYS[2], ARGV[1] .. '|' .. mark, 'PX', ARGV[2])
return {data, left, mark}
"""
)

# KEYS entry, lease, levels...  ARGV token, generation, data, ms to keep -> 1 stored, 0 void
FILL = LuaScript(
    _GENERATION
    + """
if redis.call('GET', KEYS[2]) ~= ARGV[1] .. '|' .. ARGV[2] then return 0 end
redis.call('DEL', KEYS[2])
if generation(3) ~= ARGV[2] then return 0 end
redis.call('SET', KEYS[1], ARGV[2] .. '|' .. ARGV[3], 'PX', ARGV[4])
return 1
"""
)

# KEYS lease  ARGV token, generation
RELEASE = LuaScript("""
if redis.call('GET', KEYS[1]) == ARGV[1] .. '|' .. ARGV[2] then return redis.call('DEL', KEYS[1]) end
return 0
""")

# KEYS entry, lease, levels...  ARGV data, ms to keep
PUT = LuaScript(
    _GENERATION
    + """
redis.call('DEL', KEYS[2])
redis.call('SET', KEYS[1], generation(3) .. '|' .. ARGV[1], 'PX', ARGV[2])
return 1
"""
)

# KEYS entry, lease -> values forgotten
DELETE = LuaScript("""
redis.call('DEL', KEYS[2])
return redis.call('UNLINK', KEYS[1])
""")

# KEYS level, clock  ARGV seconds to remember -> the new generation. The clock keeps stamps rising if time goes back.
DISCARD_LEVEL = LuaScript("""
local time = redis.call('TIME')
local stamp = time[1] * 1000000 + time[2]
local last = tonumber(redis.call('GET', KEYS[2]) or '0')
if stamp <= last then stamp = last + 1 end
local text = string.format('%.0f', stamp)
redis.call('SET', KEYS[2], text, 'EX', ARGV[1])
redis.call('SET', KEYS[1], text, 'EX', ARGV[1])
return text
""")

# KEYS entries...  ARGV generation -> entries removed: those older than the generation; what came since stays.
SWEEP = LuaScript("""
local removed = 0
for _, key in ipairs(KEYS) do
  local head = redis.call('GETRANGE', key, 0, 20)
  local stamp = tonumber(string.match(head, '^(%d+)|') or '0')
  if stamp < tonumber(ARGV[1]) then removed = removed + redis.call('UNLINK', key) end
end
return removed
""")

# KEYS registry  ARGV name of a cache
REGISTER = LuaScript("return redis.call('SADD', KEYS[1], ARGV[1])")
