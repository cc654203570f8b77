"""Places where a fault test may have the process die: CRASH_AT names one. Without it, a call costs one comparison."""

import os
import signal
from collections import Counter

CRASH_AT, _, _times = os.environ.get("CRASH_AT", "").partition(":")
CRASH_AFTER = int(_times or 1)
"""CRASH_AT=before_checkpoint:3 dies when the place is reached for the third time."""

_reached: Counter[str] = Counter()


def reach(place: str) -> None:
    """Dies as by SIGKILL if this place is the one; nothing is cleaned up, as when the power goes."""
    if place != CRASH_AT:
        return
    _reached[place] += 1
    if _reached[place] >= CRASH_AFTER:
        os.kill(os.getpid(), signal.SIGKILL)
