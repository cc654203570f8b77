"""The command as a person runs it: a process of its own, a file, and what it leaves behind."""

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from refine_app.services.endpoints import place_of
from sessions_app.models import Session
from tests.model_server import Behaviour, ModelServer
from tests.servers import programs
from tests.servers.site import ROOT, Site, build, tear_down

UNTIDY = "import os\nimport sys\n\n\ndef add(  a,b  ):\n    if a == None:\n        return b\n    return a+b\n"


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """A migrated database; nothing is started."""
    site = build()
    yield site
    tear_down(site)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "adding.py"
    file.write_bytes(UNTIDY.encode())
    file.chmod(0o640)
    return file


def refine(site: Site, file: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """From the file's own folder, as a person would."""
    return subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), "refine", file.name, *arguments],
        env=site.environment,
        cwd=file.parent,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def refine_here(file: Path, *arguments: str) -> tuple[str, str]:
    """In this process, which costs a fraction; returns what went to standard output and to standard error."""
    stdout, stderr = StringIO(), StringIO()
    call_command("refine", str(file), *arguments, stdout=stdout, stderr=stderr)
    return stdout.getvalue(), stderr.getvalue()


def left_behind(site: Site) -> tuple[int, int]:
    with sqlite3.connect(site.var_dir / "agentsite.sqlite3") as database:
        sessions, runs = (
            database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]  # noqa: S608
            for table in ("sessions_app_session", "graphs_app_run")
        )
    database.close()
    return sessions, runs


def test_it_prints_a_diff_that_git_applies_and_leaves_the_file_alone(site: Site, file: Path) -> None:
    done = refine(site, file, "--instruction", "clean up and format", "--patch")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("diff --git a/adding.py b/adding.py\n")
    assert "rewrite" in done.stderr
    assert re.search(r"^\d+ hunks?: ", done.stderr, re.MULTILINE)
    assert file.read_text() == UNTIDY
    subprocess.run(["git", "apply", "-"], cwd=file.parent, input=done.stdout, text=True, check=True)
    assert "def add(a, b):" in file.read_text()
    assert left_behind(site) == (0, 0)


@pytest.mark.usefixtures("transactional_db")
def test_with_write_the_file_behind_a_link_is_changed_and_keeps_its_permissions(file: Path) -> None:
    link = file.parent / "link.py"
    link.symlink_to(file.name)
    stdout, _ = refine_here(link, "-i", "clean up and format", "--write")
    assert stdout == ""
    assert link.is_symlink()
    assert "def add(a, b):" in file.read_text()
    assert file.stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in file.parent.iterdir()) == ["adding.py", "link.py"]


@pytest.mark.usefixtures("transactional_db")
def test_as_json_it_says_everything_in_one_object(file: Path) -> None:
    stdout, _ = refine_here(file, "-i", "clean up and format", "--json")
    told = json.loads(stdout)
    assert (told["status"], told["intent"], told["endpoint"], told["written"]) == (
        "completed",
        "refine_code",
        "builtin",
        False,
    )
    assert told["diff"].startswith("diff --git")
    assert told["hunks"] >= 1
    assert {check["verdict"] for check in told["checks"]} <= {"passed", "skipped"}


@pytest.mark.usefixtures("transactional_db")
def test_a_review_prints_its_summary(file: Path) -> None:
    stdout, _ = refine_here(file, "-i", "review this", "--intent", "code_review")
    assert file.read_text() == UNTIDY
    assert "suggestions" in stdout


@pytest.mark.usefixtures("transactional_db")
def test_when_nothing_is_to_be_changed_that_is_said_and_is_no_failure(file: Path) -> None:
    file.write_text("x = 1\n")
    stdout, stderr = refine_here(file, "-i", "format")
    assert stdout == ""
    assert "Nothing to change" in stderr


@pytest.mark.parametrize(
    ("content", "instruction", "message"),
    [
        (None, "format", "cannot be read"),
        (b"\xff\xfe\x00", "format", "not UTF-8"),
        (b"a\0b\n", "format", "NUL"),
        (b"", "format", "empty"),
        (b"x = 1\n", "  ", "instruction is empty"),
        (b"x" * 1_000_001, "format", "limit"),
    ],
)
def test_what_cannot_be_refined_is_told_with_exit_code_2(
    db: None, file: Path, content: bytes | None, instruction: str, message: str
) -> None:
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    with pytest.raises(CommandError, match=message) as refused:
        call_command("refine", str(file), "-i", instruction)
    assert refused.value.returncode == 2
    assert Session.objects.count() == 0


def test_a_database_without_tables_is_told_with_what_to_do(tmp_path: Path, site: Site, file: Path) -> None:
    environment = site.environment | {"DATABASE_URL": f"sqlite:///{tmp_path / 'none.sqlite3'}"}
    bare = Site(port=site.port, var_dir=site.var_dir, environment=environment)
    done = refine(bare, file, "-i", "format")
    assert done.returncode == 2
    assert "manage.py migrate" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_that_fails_is_told_with_exit_code_1(site: Site, file: Path) -> None:
    environment = site.environment | {"MODEL_ENDPOINT_URL": "http://127.0.0.1:9/v1", "MODEL_ENDPOINT_MODEL": "none"}
    away = Site(port=site.port, var_dir=site.var_dir, environment=environment)
    done = refine(away, file, "-i", "format", "--write")
    assert (done.returncode, file.read_text()) == (1, UNTIDY), done.stderr
    assert "The run failed" in done.stderr
    assert left_behind(site) == (0, 0)


def test_the_rounds_of_a_node_are_told_apart_and_what_an_endpoints_name_stands_for(site: Site, file: Path) -> None:
    with ModelServer(default=Behaviour(answer="```python\ndef same(:\n```\n")) as model:
        environment = site.environment | {
            "MODEL_ENDPOINT_URL": model.url,
            "MODEL_ENDPOINT_MODEL": "stand-in",
            "MODEL_ENDPOINT_TOKEN": "sk-CANARY",
        }
        asked = Site(port=site.port, var_dir=site.var_dir, environment=environment)
        done = refine(asked, file, "-i", "format")
    assert done.returncode == 1, done.stderr
    assert re.search(r"^  done    rewrite \(", done.stderr, re.MULTILINE)
    assert re.search(r"^  done    rewrite, round 2 \(", done.stderr, re.MULTILINE)
    assert f"'environment' is stand-in at {model.url}, as MODEL_ENDPOINT_URL says." in done.stderr
    assert "CANARY" not in done.stderr


def test_a_place_is_told_without_what_a_url_may_hold_besides() -> None:
    assert place_of("https://me:sk-CANARY@models.example:8443/v1?key=sk-CANARY#x") == "https://models.example:8443/v1"
    assert place_of("http://[broken") == "its URL"


def test_ctrl_c_stops_the_run_and_changes_nothing(site: Site, file: Path) -> None:
    # It takes the call and never answers.
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        environment = site.environment | {
            "MODEL_ENDPOINT_URL": f"http://127.0.0.1:{port}/v1",
            "MODEL_ENDPOINT_MODEL": "none",
        }
        process = programs.start(
            [sys.executable, str(ROOT / "manage.py"), "refine", str(file), "-i", "format", "--write"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        silent.settimeout(60)
        call, _ = silent.accept()
        with call:
            process.send_signal(signal.SIGINT)
            _, told = process.communicate(timeout=60)
    assert (process.returncode, file.read_text()) == (130, UNTIDY), told
    assert "Stopped" in told
    assert left_behind(site) == (0, 0)
    assert os.listdir(file.parent) == ["adding.py"]


@pytest.mark.django_db(transaction=True)
def test_a_diff_shows_what_nobody_would_see_and_a_patch_keeps_it(file: Path) -> None:
    file.write_text(UNTIDY.replace("return b", "return 'b\u202e\u00a0'"))
    shown, _ = refine_here(file, "--instruction", "clean up and format")
    assert "'b[U+202E][U+00A0]'" in shown
    assert "\u202e" not in shown
    patch, _ = refine_here(file, "--instruction", "clean up and format", "--patch")
    assert "'b\u202e\u00a0'" in patch
