"""The breaker of a dependency: what did not answer is left alone for a while, then asked by one caller at a time."""

import threading
import time
from collections.abc import Callable

from django.conf import settings


class Outage:
    """Of one dependency, for all threads of this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._ask_again_at = 0.0
        self.is_on = False

    def may_ask(self, takes_s: float) -> bool:
        """Whether the caller is to ask, which takes so long at most; who may not does without the answer."""
        if not self.is_on:
            return True
        with self._lock:
            now = self._clock()
            if now < self._ask_again_at:
                return False
            self._ask_again_at = now + takes_s + settings.DEPENDENCY_RETRY_S
            return True

    def begins(self) -> bool:
        """It has not answered. Whether it did until now."""
        with self._lock:
            is_new, self.is_on = not self.is_on, True
            self._ask_again_at = self._clock() + settings.DEPENDENCY_RETRY_S
            return is_new

    def ends(self) -> bool:
        """It has answered. Whether it was away until now."""
        if not self.is_on:
            return False
        with self._lock:
            was_on, self.is_on = self.is_on, False
            return was_on
