"""Sets limits on its own process and becomes another program: launcher.py WALL_S CPU_S MEMORY FILE_SIZE PROGRAM ARGS…

Run by path with an isolated interpreter, so it imports nothing of ours.
"""

import contextlib
import os
import resource
import signal
import sys


def main(arguments: list[str]) -> None:
    wall_s, cpu_s, memory, file_size, *command = arguments
    limits = {
        resource.RLIMIT_CPU: int(cpu_s),
        resource.RLIMIT_AS: int(memory),
        resource.RLIMIT_FSIZE: int(file_size),
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_NOFILE: 64,
    }
    for limit, value in limits.items():
        # Not every system knows every limit; the alarm below always works.
        with contextlib.suppress(ValueError, OSError):
            # A little more for the hard limit: the soft one's signal tells the reason, the hard one's does not.
            resource.setrlimit(limit, (value, value + (limit == resource.RLIMIT_CPU)))
    # The alarm outlives the exec: the child dies in time even if its parent is gone.
    signal.setitimer(signal.ITIMER_REAL, float(wall_s))
    os.execv(command[0], command)  # noqa: S606 - the command is ours, never a person's


main(sys.argv[1:])
