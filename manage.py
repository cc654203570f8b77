#!/usr/bin/env python
"""Django's command line for agentsite."""

import os
import signal
import sys

from sessions_app import stopping

WITHOUT_PAGES = ("run_graph",)
"""Commands that execute runs, as workers do, and load no more than those."""
OWN = ("check_endpoints", "doctor", "prune_sessions", "refine", "run_graph", "runs", "serve")
"""Commands that leave signals to `stopping`; Django's have ways of their own."""


def main() -> None:
    stopping.install()
    import agentsite  # noqa: F401  # first: it says which modules are loaded only when they are used
    from agentsite import supervisor

    if sys.argv[1:2] == ["serve"] and supervisor.is_wanted(os.environ):
        sys.exit(supervisor.supervise(sys.orig_argv))
    if sys.argv[1:2] and sys.argv[1] in WITHOUT_PAGES:
        os.environ.setdefault("SERVES_PAGES", "no")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "agentsite.settings")
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db import InterfaceError, OperationalError

    from agentsite import unreachable

    try:
        unreachable.quiet()
        if sys.argv[1:2] and sys.argv[1] not in OWN:
            stopping.as_python_does()
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"agentsite is not set up to start: {error} The settings are in deploy/README.md.")
    except (OperationalError, InterfaceError) as error:
        if "--traceback" in sys.argv:
            raise
        sys.exit(unreachable.in_words(error))
    except KeyboardInterrupt:
        stopping.end(signal.SIGINT)
    finally:
        stopping.end_if_told()


if __name__ == "__main__":
    main()
