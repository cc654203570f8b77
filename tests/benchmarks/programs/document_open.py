"""What the server does to open a document of many updates, typed and compacted as the site does. Prints ms as JSON.

Usage: python -m tests.benchmarks.programs.document_open UPDATES, with DATABASE_URL naming an empty database.
"""

import json
import os
import statistics
import sys
import time

OPENINGS = 50
TYPED = "def area(radius): "
SNAPSHOTS = 20
"""At most so many are made on the way: each stands in for the ones before."""


def main(updates: int) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentsite.settings")
    import django

    django.setup()
    from django.core.management import call_command

    from sessions_app import update_log
    from sessions_app.crdt.edits import Edit
    from sessions_app.crdt.kinds import TEXT
    from sessions_app.crdt.replica import Replica
    from sessions_app.crdt.store import Batch, Entry
    from sessions_app.models import User
    from sessions_app.realtime.document_hub import COMPACT_AFTER
    from sessions_app.services import compaction, sessions

    call_command("migrate", verbosity=0)
    user = User.objects.create(username=f"bench-{time.time_ns()}")
    document = sessions.create(user=user, title="Bench").documents.get()
    store, replica = update_log.DatabaseStore(), Replica(TEXT)
    every = max(1, updates // COMPACT_AFTER // SNAPSHOTS)
    for first in range(0, updates, COMPACT_AFTER):
        typed = [replica.edit([Edit(0, 0, TYPED[n % len(TYPED)])]) for n in range(first, first + COMPACT_AFTER)]
        store.append([Batch(document.pk, 1, first, [Entry(update, user.pk) for update in typed])])
        left = (updates - first) // COMPACT_AFTER - 1
        if left and (left - 1) % every == 0:  # the last five hundred are in no snapshot: the worst case
            compaction.compact(document_id=document.pk)
    times = []
    for _ in range(OPENINGS):
        began = time.perf_counter()
        opened = update_log.build(update_log.load(document.pk))
        opened.state()
        times.append((time.perf_counter() - began) * 1000)
    if opened.text() != replica.text():
        raise SystemExit("the opened document is not what was typed")
    print(json.dumps({"median": statistics.median(times), "worst": max(times)}))


if __name__ == "__main__":
    main(int(sys.argv[1]))
