"""A command without its database says so in one line, and a database that nobody could share is not started with."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.ports import free_port
from tests.servers.site import ROOT


def manage(var_dir: Path, url: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        env={"PATH": os.environ["PATH"], "VAR_DIR": str(var_dir), "ENV_FILE": os.devnull, "DATABASE_URL": url},
        cwd=ROOT, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False, timeout=120,
    )  # fmt: skip


@pytest.mark.parametrize(
    "command", ["migrate --verbosity 0", "serve", "runs", "check_endpoints", "prune_sessions", "run_graph code-review"]
)
def test_a_command_without_its_database_says_so_in_one_line(tmp_path: Path, command: str) -> None:
    port = free_port()
    done = manage(tmp_path, f"postgresql://ann:secret@127.0.0.1:{port}/site", *command.split())
    said = done.stderr.splitlines()
    assert done.returncode != 0
    assert len(said) == 1, done.stderr
    assert "cannot be used" in said[0]
    assert str(port) in said[0]
    assert "secret" not in said[0]


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    done = manage(tmp_path, "sqlite:////nowhere/at/all.sqlite3", "serve")
    assert done.returncode == 1
    assert [line[:51] for line in done.stderr.splitlines()] == ["The database /nowhere/at/all.sqlite3 cannot be used"]


def test_doctor_gives_each_part_one_line_while_the_database_is_away(tmp_path: Path) -> None:
    done = manage(tmp_path, f"postgresql://ann@127.0.0.1:{free_port()}/site", "doctor")
    assert done.returncode == 1
    assert {line[:4] for line in done.stdout.splitlines()} == {"ok  ", "FAIL"}
    assert done.stderr == ""


@pytest.mark.parametrize(
    "url", ["sqlite://:memory:", "sqlite:///:memory:", "sqlite://", "sqlite:///file:here?mode=memory&cache=shared"]
)
def test_a_database_in_memory_is_refused_at_the_start_with_what_to_set(tmp_path: Path, url: str) -> None:
    done = manage(tmp_path, url, "migrate", "--verbosity", "0")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "DATABASE_URL=sqlite:////dev/shm/agentsite.sqlite3" in done.stderr


@pytest.mark.parametrize("url", ["mysql://ann@host/site", "rubbish", "postgresql://host:99999999/site"])
def test_an_address_that_names_no_database_of_ours_is_refused_in_one_line(tmp_path: Path, url: str) -> None:
    done = manage(tmp_path, url, "check")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert "DATABASE_URL" in done.stderr


def test_a_scheme_may_name_another_driver(tmp_path: Path) -> None:
    assert manage(tmp_path, f"sqlite+aiosqlite:///{tmp_path}/a.sqlite3", "migrate", "--verbosity", "0").returncode == 0
    assert (tmp_path / "a.sqlite3").exists()
