#!/usr/bin/env python
"""Django's command line for agentsite."""

import os
import sys

import agentsite  # noqa: F401  # first: it says which modules are loaded only when they are used
from agentsite import supervisor

WITHOUT_PAGES = ("run_graph",)
"""Commands that execute runs, as workers do, and load no more than those."""


def main() -> None:
    if sys.argv[1:2] == ["serve"] and supervisor.is_wanted(os.environ):
        sys.exit(supervisor.supervise(sys.orig_argv))
    if sys.argv[1:2] and sys.argv[1] in WITHOUT_PAGES:
        os.environ.setdefault("SERVES_PAGES", "no")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentsite.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"agentsite is not set up to start: {error} The settings are in deploy/README.md.")


if __name__ == "__main__":
    main()
