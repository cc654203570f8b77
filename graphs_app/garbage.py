"""How often a process that executes runs looks for garbage."""

import gc

COLLECT_EVERY = 50_000
"""After how many new objects garbage is looked for. Python's 700 would look through the objects of thousands of runs,
which are no garbage, again and again: half of the processor's time; 10,000 took a sixth. A run that is over leaves
none: what is found is tools'."""


def collect_less_often() -> None:
    """What was imported is there for good, and is looked through no more."""
    if gc.get_threshold()[0] != COLLECT_EVERY:
        gc.collect()
        gc.freeze()
        gc.set_threshold(COLLECT_EVERY, 10, 10)
