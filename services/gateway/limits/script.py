"""What Redis does for the limiter: one order of one replica, for many keys, carried out exactly once."""

from collections.abc import Sequence
from typing import Protocol

# KEYS: what this replica was last told, the live replicas, then the keys that are asked for.
# ARGV: the replica's name, the order's number, then six numbers a key: what a unit costs and the window (microseconds),
# the least debt that is known from before an outage (microseconds from now), the units that were spent already and are
# due whatever is left, and the least and the most units wanted.
# Returns 1, the number of live replicas, and for each key the units granted and the time until its quota is full.
# Returns 0 and the number of replicas when Redis has forgotten this replica, and so perhaps the debts: nothing is done.
#
# The number makes an order safe to repeat: an order that was carried out is answered as it was then. A client cannot
# know whether an order that got no answer was lost before or after Redis read it.
ORDER_LUA = """
local FORGET, ALIVE = 60000, 5000000
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local number = tonumber(ARGV[2])

redis.call('ZADD', KEYS[2], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - ALIVE)
redis.call('PEXPIRE', KEYS[2], FORGET)
local answer = {1, redis.call('ZCARD', KEYS[2])}

local last = redis.call('GET', KEYS[1])
if last then
  local told = cjson.decode(last)
  if told[1] >= number then return told[2] end
elseif number > 1 then
  answer[1] = 0
  redis.call('SET', KEYS[1], cjson.encode({number, answer}), 'PX', FORGET)
  return answer
end

for index = 3, #KEYS do
  local at = 6 * (index - 3) + 2
  local interval, period, floor = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local due, least, most = tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5]), tonumber(ARGV[at + 6])
  local before = tonumber(redis.call('GET', KEYS[index]) or 0)
  local arrival = math.max(before, now + floor) + due * interval
  local room = math.floor((now + period - arrival) / interval)
  local granted = 0
  if room >= least then granted = math.max(0, math.min(room, most)) end
  arrival = arrival + granted * interval
  if arrival > before and arrival > now then
    redis.call('SET', KEYS[index], string.format('%.0f', arrival), 'PX', math.ceil((arrival - now) / 1000))
  end
  answer[#answer + 1] = granted
  answer[#answer + 1] = arrival - now
end
redis.call('SET', KEYS[1], cjson.encode({number, answer}), 'PX', FORGET)
return answer
"""


class Script(Protocol):
    """A Lua script in Redis."""

    async def __call__(self, keys: Sequence[str], args: Sequence[str | int]) -> list[int]:
        """Run it. Raises Unavailable when Redis is away."""
        ...
