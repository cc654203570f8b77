"""Runs a command with DATABASE_URL pointing at a real PostgreSQL that lives as long as the command.

python -m tests.servers.run_on_postgres python -m pytest --only-database
"""

import os
import subprocess
import sys

from tests.servers import shared
from tests.servers.postgres import create_database, start_postgres


def main(command: list[str]) -> int:
    if not command:
        sys.stderr.write("usage: python -m tests.servers.run_on_postgres COMMAND...\n")
        return 2
    shared.make_folder()
    try:
        url = create_database(start_postgres().url, name="agentsite")
        return subprocess.run(command, env={**os.environ, "DATABASE_URL": url}, check=False).returncode
    except KeyboardInterrupt:
        return 130
    finally:
        shared.stop_all()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
