"""manage.py serve with the tools of the fault tests: python -m tests.faults.serve serve"""

import os
import sys

import agentsite  # noqa: F401  # first, as in manage.py
from agentsite import supervisor


def main() -> None:
    if supervisor.is_wanted(os.environ):
        sys.exit(supervisor.supervise(sys.orig_argv))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentsite.settings")
    import django
    from django.core.management import execute_from_command_line

    django.setup()
    from tests.faults import tools

    tools.add()
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
