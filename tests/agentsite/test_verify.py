"""`manage.py verify` tries what is promised by itself, whatever database and broker the site has."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.site import ROOT


@pytest.mark.parametrize(("subject", "lines"), [("versioning", 6), ("durability", 6), ("cost", 13)])
def test_a_subject_is_verified_without_the_stack(subject: str, lines: int, tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "VAR_DIR": str(tmp_path), "ENV_FILE": os.devnull}
    away = {"DATABASE_URL": "postgresql://ann@127.0.0.1:1/site", "REDIS_URL": "redis://127.0.0.1:1/0"}
    done = subprocess.run(
        [sys.executable, "manage.py", "verify", subject],
        env=environment | away, cwd=ROOT, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(done.stdout.splitlines()) == lines
    assert {line[:5] for line in done.stdout.splitlines()} == {"ok   "}
