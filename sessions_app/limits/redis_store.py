"""Counters in Redis, for all processes together: one atomic script, one round trip, and never a long wait."""

from collections.abc import Callable, Sequence

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from sessions_app.limits.windows import Counter, Reading

CONNECTS_WITHIN_S = 0.1
ANSWERS_WITHIN_S = 0.15
"""Both together are what a request waits at most for a Redis that does not answer."""
PREFIX = "agentsite:{limits}:"
"""In braces, so that all of a script's keys are in one slot of a cluster."""

ADD = """
local now = tonumber(ARGV[1])
if not now then
  local clock = redis.call('TIME')
  now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
end
local amount, fit, found, answer = tonumber(ARGV[2]), true, {}, {}
for i, key in ipairs(KEYS) do
  local limit, length = tonumber(ARGV[1 + 2 * i]), tonumber(ARGV[2 + 2 * i])
  local window, previous, current = math.floor(now / length), 0, 0
  local kept = redis.call('HMGET', key, 'window', 'previous', 'current')
  local at = tonumber(kept[1])
  if at and at >= window then
    window, previous, current = at, tonumber(kept[2]), tonumber(kept[3])
  elseif at and at == window - 1 then
    previous = tonumber(kept[3])
  end
  local elapsed = math.max(now - window * length, 0)
  if amount > 0 and previous * (1 - elapsed / length) + current + amount > limit then fit = false end
  found[i] = {window, previous, current, length}
  answer[i] = {previous, current, string.format('%.17g', elapsed)}
end
if fit and amount ~= 0 then
  for i, key in ipairs(KEYS) do
    local one = found[i]
    redis.call('HSET', key, 'window', one[1], 'previous', one[2], 'current', math.max(one[3] + amount, 0))
    redis.call('EXPIRE', key, 2 * one[4])
  end
end
return {fit and 1 or 0, answer}
"""


class RedisStore:
    """A CounterStore by the clock of Redis, which all processes share; tests bring a clock of their own."""

    def __init__(self, url: str, *, clock: Callable[[], float] | None = None) -> None:
        self._clock = clock
        # What is on this machine's own file system either is there or is not.
        connecting = {} if url.startswith("unix://") else {"socket_connect_timeout": CONNECTS_WITHIN_S}
        self._client = redis.Redis.from_url(
            url,
            **connecting,
            socket_timeout=ANSWERS_WITHIN_S,
            retry=Retry(NoBackoff(), 0),
            retry_on_timeout=False,
            health_check_interval=0,
            driver_info=None,  # telling it would be two more answers to wait for
            protocol=2,
        )
        self._script = self._client.register_script(ADD)

    def add(self, counters: Sequence[Counter], amount: int) -> tuple[bool, list[Reading]]:
        now = "" if self._clock is None else repr(self._clock())
        bounds = [number for counter in counters for number in (counter.limit, counter.window_s)]
        fit, found = self._script(keys=[PREFIX + counter.key for counter in counters], args=[now, amount, *bounds])
        return bool(fit), [Reading(int(one[0]), int(one[1]), float(one[2])) for one in found]

    def close(self) -> None:
        self._client.close()
