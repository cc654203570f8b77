"""A real Celery worker that knows the tools of the fault tests: python -m tests.faults.worker NAME QUEUES [--beat]

CLOCK_SKEW in the environment sets the clock of this process so many seconds on, or back.
"""

import datetime
import os
import sys
import time

import django

SKEW_S = float(os.environ.get("CLOCK_SKEW", "0"))


class Skewed(datetime.datetime):
    """The time of day as a machine has it whose clock is wrong."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> "Skewed":
        return cls.fromtimestamp(time.time(), tz)

    @classmethod
    def utcnow(cls) -> "Skewed":
        return cls.now(datetime.UTC).replace(tzinfo=None)


def skew_the_clock() -> None:
    """For all that is imported from now on; the monotonic clock is right, as it is on such a machine."""
    right = time.time
    time.time = lambda: right() + SKEW_S
    datetime.datetime = Skewed  # type: ignore[misc]


def main(name: str, queues: str, *more: str) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentsite.settings")
    django.setup()
    from agentsite.celery import app
    from tests.faults import tools

    tools.add()
    arguments = ["worker", "--queues", queues, "--hostname", f"{name}@%h", "--loglevel", "INFO"]
    if "--beat" in more:
        arguments += ["--beat", "--schedule", os.path.join(os.environ["VAR_DIR"], f"{name}.schedule")]
    app.worker_main(arguments)


if __name__ == "__main__":
    if SKEW_S:
        skew_the_clock()
    main(*sys.argv[1:])
