"""The cache in Redis, for a site that can do without: nobody waits long for it, and nobody fails by it.

While Redis does not answer, each process keeps for itself what it would have kept there: what others wrote is missed,
and a limit is counted by this process alone.
"""

import logging
from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any

from django.conf import settings
from django.core.cache.backends.locmem import LocMemCache
from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

from agentsite.outage import Outage

logger = logging.getLogger(__name__)

LOCAL_ENTRIES = 10_000


class Cache(RedisCache):
    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._local = LocMemCache(f"instead of {server}", {"max_entries": LOCAL_ENTRIES})
        self._outage = _outages.setdefault(server, Outage())

    @property
    def is_away(self) -> bool:
        """Whether it did not answer when it was last asked."""
        return self._outage.is_on

    def add(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._ask("add", args, kwargs))

    def get(self, *args: Any, **kwargs: Any) -> Any:
        return self._ask("get", args, kwargs)

    def set(self, *args: Any, **kwargs: Any) -> None:
        self._ask("set", args, kwargs)

    def touch(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._ask("touch", args, kwargs))

    def delete(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._ask("delete", args, kwargs))

    def get_many(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        found: dict[str, Any] = self._ask("get_many", args, kwargs)
        return found

    def has_key(self, *args: Any, **kwargs: Any) -> bool:
        return bool(self._ask("has_key", args, kwargs))

    def incr(self, *args: Any, **kwargs: Any) -> int:
        """Raises ValueError for a key that is not there, as every cache does."""
        return int(self._ask("incr", args, kwargs))

    def set_many(self, *args: Any, **kwargs: Any) -> list[Any]:
        failed: list[Any] = self._ask("set_many", args, kwargs)
        return failed

    def delete_many(self, *args: Any, **kwargs: Any) -> None:
        self._ask("delete_many", args, kwargs)

    def clear(self) -> None:
        self._local.clear()
        self._ask("clear", (), {})

    def _ask(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        outage = self._outage
        if not outage.may_ask(settings.REDIS_TIMEOUT_S):
            return getattr(self._local, name)(*args, **kwargs)
        ask: Callable[..., Any] = getattr(super(), name)
        try:
            answer = ask(*args, **kwargs)
        except (RedisError, OSError) as error:
            if outage.begins():
                logger.warning("the cache does not answer (%s); each process keeps its own until it does", error)
                self._local.clear()  # of an earlier outage
            return getattr(self._local, name)(*args, **kwargs)
        except UnpicklingError as error:
            logger.warning("the cache holds what is no value of ours, which is taken for a miss: %s", error)
            return getattr(self._local, name)(*args, **kwargs)
        if outage.ends():
            logger.warning("the cache is back")
        return answer


_outages: dict[str, Outage] = {}
"""By server: each thread has a cache object of its own, and they share what they know."""
