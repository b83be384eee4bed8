"""The Lua scripts that keep the state of sessions in Redis. Each runs atomically and takes the time from Redis.

A session is a hash: counter, epoch, scopes, ip, ua, created_at, seen_at, ends_at (milliseconds since 1970 UTC), and
for every refresh token spent within the time of grace `spent:<counter>` with the moment it was spent. `oldest` is
the lowest counter that may have such a field. The key expires after the idle time, at `ends_at` at the latest. A
session that has ended leaves a tombstone (ended, ends_at) until then.

The rule of refreshing, for the counter in the token against the session's own:

    the same                         advance: the token is spent now
    lower, spent within the grace    repeat the current state: an answer was lost, or several tabs asked at once
    lower, spent longer ago          reuse: the session ends (RFC 9700 section 4.14.2)
    higher                           refuse: Redis has lost writes, as in a failover; nothing is issued twice
"""

PRELUDE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function finish(key, reason)
  local state = redis.call('HMGET', key, 'ends_at', 'ended')
  if not state[1] then return 'unknown' end
  if state[2] then return 'before' end
  redis.call('DEL', key)
  redis.call('HSET', key, 'ended', reason, 'ends_at', state[1])
  redis.call('PEXPIREAT', key, state[1])
  return 'now'
end
"""

# KEYS session, the user's sessions, the user's epoch
# ARGV session id, epoch, scopes, ip, user agent, idle ms, life ms, most sessions, prefix of session keys
# -> 'stale', or 'opened' and the ids of sessions that had to end for this one
OPEN = (
    PRELUDE
    + """
if tonumber(redis.call('GET', KEYS[3]) or 0) > tonumber(ARGV[2]) then return {'stale'} end
local ends_at = now + ARGV[7]
redis.call('HSET', KEYS[1], 'counter', 0, 'oldest', 0, 'epoch', ARGV[2], 'scopes', ARGV[3],
  'ip', ARGV[4], 'ua', ARGV[5], 'created_at', now, 'seen_at', now, 'ends_at', ends_at)
redis.call('PEXPIREAT', KEYS[1], math.min(now + ARGV[6], ends_at))
redis.call('ZADD', KEYS[2], now, ARGV[1])
redis.call('PEXPIREAT', KEYS[2], ends_at)
local answer = {'opened'}
local excess = redis.call('ZCARD', KEYS[2]) - ARGV[8]
if excess <= 0 then return answer end
for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, -2)) do
  if redis.call('EXISTS', ARGV[9] .. id) == 0 then
    redis.call('ZREM', KEYS[2], id)
    excess = excess - 1
  end
end
if excess <= 0 then return answer end
for _, id in ipairs(redis.call('ZRANGE', KEYS[2], 0, excess - 1)) do
  redis.call('ZREM', KEYS[2], id)
  finish(ARGV[9] .. id, 'too_many_sessions')
  table.insert(answer, id)
end
return answer
"""
)

# KEYS session, the user's sessions  ARGV session id, counter, grace ms, idle ms
# -> outcome, and for 'rotated' and 'repeated' the session's counter, epoch and scopes
REFRESH = (
    PRELUDE
    + """
local state = redis.call('HMGET', KEYS[1], 'counter', 'epoch', 'scopes', 'ends_at', 'oldest')
if not state[1] then return {'ended'} end
local presented, counter = tonumber(ARGV[2]), tonumber(state[1])
local function in_grace(number)
  local spent = redis.call('HGET', KEYS[1], 'spent:' .. number)
  return spent and now - spent <= tonumber(ARGV[3])
end
if presented > counter then return {'future'} end
if presented < counter then
  if in_grace(presented) then return {'repeated', counter, state[2], state[3]} end
  finish(KEYS[1], 'reuse')
  redis.call('ZREM', KEYS[2], ARGV[1])
  return {'reused'}
end
local oldest = tonumber(state[5])
while oldest < counter and not in_grace(oldest) do
  redis.call('HDEL', KEYS[1], 'spent:' .. oldest)
  oldest = oldest + 1
end
redis.call('HSET', KEYS[1], 'counter', counter + 1, 'oldest', oldest, 'seen_at', now, 'spent:' .. counter, now)
redis.call('PEXPIREAT', KEYS[1], math.min(now + ARGV[4], tonumber(state[4])))
return {'rotated', counter + 1, state[2], state[3]}
"""
)

# KEYS session, the user's sessions  ARGV session id, reason -> 'now', 'before' or 'unknown'
END = (
    PRELUDE
    + """
redis.call('ZREM', KEYS[2], ARGV[1])
return finish(KEYS[1], ARGV[2])
"""
)

# KEYS the user's sessions, the user's epoch
# ARGV id of the session that stays, epoch, reason, prefix of session keys, ms to remember the epoch -> ids of the ended
# The epoch is remembered for as long as a sign-in that began before may take: `open` then refuses it.
END_OTHERS = (
    PRELUDE
    + """
local ended = {}
redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[5])
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local key = ARGV[4] .. id
  if id ~= ARGV[1] then
    redis.call('ZREM', KEYS[1], id)
    if finish(key, ARGV[3]) == 'now' then table.insert(ended, id) end
  elseif redis.call('HEXISTS', key, 'counter') == 1 then
    redis.call('HSET', key, 'epoch', ARGV[2])
  end
end
return ended
"""
)

# KEYS the user's sessions  ARGV prefix of session keys -> for each live one id, user agent, ip, created_at, seen_at
LIST = """
local sessions = {}
for _, id in ipairs(redis.call('ZREVRANGE', KEYS[1], 0, -1)) do
  local state = redis.call('HMGET', ARGV[1] .. id, 'ua', 'ip', 'created_at', 'seen_at')
  if state[3] then
    table.insert(sessions, {id, state[1], state[2], state[3], state[4]})
  end
end
return sessions
"""
