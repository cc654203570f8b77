"""A migrated database to copy, made once a run: by migrating it as everybody does, in a process of its own."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock

from tests.servers import shared
from tests.servers.postgres import create_database, start_postgres, url_of

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = "migrated"


def sqlite(environment: Mapping[str, str]) -> Path:
    """The file of one."""
    made = shared.folder() / "migrated.sqlite3"
    with FileLock(shared.folder() / "migrated-sqlite.lock"):
        if not made.exists():
            fresh = shared.folder() / "migrating.sqlite3"
            _migrate(environment, f"sqlite:///{fresh}")
            fresh.rename(made)
    return made


def postgres(environment: Mapping[str, str]) -> str:
    """The name of one on the run's server, to be given as a template."""
    made = shared.folder() / "migrated-postgres"
    with FileLock(shared.folder() / "migrated-postgres.lock"):
        if not made.exists():
            server = start_postgres().url
            create_database(server, name=TEMPLATE)
            _migrate(environment, url_of(TEMPLATE, server))
            made.touch()
    return TEMPLATE


def _migrate(environment: Mapping[str, str], database_url: str) -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "migrate", "--verbosity", "0"],
        env={**environment, "DATABASE_URL": database_url},
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    if done.returncode:
        raise RuntimeError(f"migrate failed:\n{done.stdout}\n{done.stderr}")
