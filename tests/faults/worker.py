"""A real Celery worker that knows the tools of the fault tests: python -m tests.faults.worker NAME QUEUES [--beat]"""

import os
import sys

import django


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
    main(*sys.argv[1:])
