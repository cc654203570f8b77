"""What every test needs: an environment of its own, the real servers, and the choice of what runs on PostgreSQL.

Settings are made by the environment alone, so it is set here, before Django is told where its settings are.
"""

import os
import shutil
import signal
import tempfile
from pathlib import Path

import django
import pytest
from hypothesis import HealthCheck, settings

from tests.servers import shared

OWN = (
    *("HF_TOKEN", "TAVILY_API_KEY", "DUCKDUCKGO_URL"),
    *("GROQ_API_KEY", "GROQ_MODEL", "GROQ_RATE_LIMIT", "OPENAI_API_KEY", "DEEPSEEK_API_KEY", "MISTRAL_API_KEY"),
    *("GEMINI_API_KEY", "LLM_PEER_MODEL", "LLM_CONTENT_MODEL", "LLM_CODE_MODEL", "REDIS_URL", "CORS_ORIGINS"),
    *("ALLOWED_ORIGINS", "COST_TRACKING_ENABLED", "VERSIONING_ENABLED"),
    *("MODEL_ENDPOINT_URL", "MODEL_ENDPOINT_MODEL", "MODEL_ENDPOINT_TOKEN", "DEBUG", "ENVIRONMENT"),
)
"""What a developer may have in the environment, and no test may see."""

for _name in OWN:
    os.environ.pop(_name, None)
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # What a shell starts in the background ignores Ctrl-C, and so would every command that a test starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
_var_dir = tempfile.mkdtemp(prefix="agentsite-tests-")
os.environ.update(
    DJANGO_SETTINGS_MODULE="agentsite.settings",
    ENV_FILE=os.devnull,
    VAR_DIR=_var_dir,
    DUCKDUCKGO_URL="",  # nothing leaves this machine
    SECRET_KEY="a-key-for-tests-only-which-is-long-enough-to-pass-0123456789",
)
django.setup()  # here, so that the conftest of a folder may import models

from sessions_app.limits import limiter  # noqa: E402

# The same examples each time, however slow the machine: chance belongs into a longer run with a profile of its own.
settings.register_profile("suite", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

pytest_plugins = [
    "tests.servers.postgres",
    "tests.servers.sessions_left",
    "tests.servers.redis_server",
    "tests.servers.site",
    "tests.servers.programs",
    "tests.servers.flushed",
]

IS_CI = os.environ.get("CI") == "true"
SEEN_TWICE = [Path(__file__).parent / name for name in ("journeys", "faults")]
"""Browsers and processes on a machine that others use too: where a change is judged by them, one that fails is looked
at once more, and both are told. What fails twice fails; and at a desk nothing is run again, so
that a race shows."""

DATABASE_FIXTURES = {"db", "transactional_db", "django_db_reset_sequences", "django_db_serialized_rollback"}
SHARED_SITES = {"live_site", "scaled_site"}
SITE_FIXTURES = SHARED_SITES | {"start_site"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--only-database",
        action="store_true",
        help="Only the tests that use the database: what the second pass, on PostgreSQL, has to run.",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "once: does not depend on the configured database; left out with --only-database."
    )
    is_xdist_worker = hasattr(config, "workerinput")
    if not is_xdist_worker and shared.make_folder():
        config.add_cleanup(shared.stop_all)
    config.add_cleanup(lambda: shutil.rmtree(_var_dir, ignore_errors=True))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    for item in items:
        if IS_CI and any(folder in item.path.parents for folder in SEEN_TWICE):
            item.add_marker(pytest.mark.flaky(reruns=1))
        uses_one = SHARED_SITES & set(getattr(item, "fixturenames", ()))
        if uses_one and item.get_closest_marker("xdist_group") is None:
            # In one process of the run, so that these sites are started once; the journeys have groups of their own.
            item.add_marker(pytest.mark.xdist_group("sites"))
    if not config.getoption("--only-database"):
        return
    chosen = [item for item in items if _uses_the_database(item)]
    config.hook.pytest_deselected(items=[item for item in items if not _uses_the_database(item)])
    items[:] = chosen


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What failed at first is told whole, though it passed when it was run again."""
    for report in terminalreporter.getreports("rerun"):
        terminalreporter.write_sep("=", f"RUN AGAIN after it failed: {report.nodeid}", yellow=True)
        terminalreporter.write_line(report.longreprtext)
        for name, content in report.sections:
            terminalreporter.write_sep("-", name)
            terminalreporter.write_line(content)


def _uses_the_database(item: pytest.Item) -> bool:
    """Sites bring databases of their own, so they have nothing to learn from the second pass."""
    if item.get_closest_marker("once"):
        return False
    fixtures = set(getattr(item, "fixturenames", ()))
    if fixtures & SITE_FIXTURES:
        return False
    return item.get_closest_marker("django_db") is not None or bool(fixtures & DATABASE_FIXTURES)


@pytest.fixture(autouse=True)
def _no_limits_of_other_tests() -> None:
    """Each test is asked as if nobody had asked for anything yet."""
    limiter.current.cache_clear()


@pytest.fixture(scope="session")
def worker_id(request: pytest.FixtureRequest) -> str:
    """The name of this xdist worker, or master."""
    name: str = getattr(request.config, "workerinput", {}).get("workerid", "master")
    return name
