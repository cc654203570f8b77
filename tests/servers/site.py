"""The real site as processes: `manage.py serve`, and in its scaled-out form a worker beside it."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import pytest

from tests.servers import migrated, shared
from tests.servers.ports import free_port
from tests.servers.postgres import create_database, drop_database, start_postgres
from tests.servers.redis_server import new_redis_database

ROOT = Path(__file__).resolve().parents[2]
READY_WITHIN_S = 60.0
STOP_WITHIN_S = 40.0
# What a developer has in the environment must not reach the site under test.
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "COVERAGE_PROCESS_START")


ROOM = {"RATE_LIMIT_GUESTS": "off", "QUOTA_GUESTS": "off", "RATE_LIMIT_SIGN_INS": "off", "RATE_LIMIT_RUNS": "off"}
"""All tests come from one address, and share sites: what they do together is what a hundred people do."""
NO_LIMITS = {"RATE_LIMITS": "off"} | {f"QUOTA_{name}": "off" for name in ("GUESTS", "SESSIONS", "GRAPHS", "RUNS")}
"""For what measures how much a site can do."""

_built: "list[Site]" = []
"""Those of this process that are not torn down yet."""


@dataclass
class Site:
    """A running site, and what a test may do to it."""

    port: int
    var_dir: Path
    environment: dict[str, str]
    scaled: bool = False
    web: "subprocess.Popen[bytes] | None" = None
    worker: "subprocess.Popen[bytes] | None" = None
    upkeep: "subprocess.Popen[bytes] | None" = None
    processes: "list[subprocess.Popen[bytes]]" = field(default_factory=list)
    command: tuple[str, ...] = (sys.executable, str(ROOT / "manage.py"), "serve")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def socket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def database_url(self) -> str:
        return self.environment["DATABASE_URL"]

    def log(self, name: str = "web") -> str:
        return (self.var_dir / f"{name}.log").read_text(errors="replace")

    def manage(self, *arguments: str, stdin: str | None = None) -> "subprocess.CompletedProcess[str]":
        """Runs a command of manage.py against this site's data."""
        return subprocess.run(
            [sys.executable, str(ROOT / "manage.py"), *arguments],
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=ROOT,
        )

    def start(self) -> None:
        """Starts what is not running, and returns when the site can do work."""
        if self.scaled and (self.worker is None or self.worker.poll() is not None):
            self.worker = self.start_worker("worker")
        if self.scaled and (self.upkeep is None or self.upkeep.poll() is not None):
            self.upkeep = self.start_worker("upkeep", queue="upkeep", beat=True)
        if self.web is None or self.web.poll() is not None:
            self.web = self._spawn("web", *self.command)
        self._wait()

    def start_worker(self, name: str, *, queue: str = "agent_tasks", beat: bool = False) -> "subprocess.Popen[bytes]":
        """One more worker process of the scaled-out form."""
        arguments = ["--queues", queue, "--hostname", f"{name}@%h", "--loglevel", "INFO"]
        if beat:
            arguments += ["--beat", "--schedule", str(self.var_dir / f"{name}.schedule")]
        command = (sys.executable, "-m", "celery", "-A", "agentsite", "worker", *arguments)
        return self._spawn(name, *command, SERVES_PAGES="no")  # as its unit has it

    def stop(self) -> int | None:
        """SIGTERM to everything; the web process's exit code."""
        for process in reversed(self.processes):
            if process.poll() is None:
                process.terminate()
        for process in reversed(self.processes):
            try:
                process.wait(STOP_WITHIN_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise AssertionError(f"the site did not stop within {STOP_WITHIN_S} s:\n{self.log()[-4000:]}") from None
        return self.web.returncode if self.web else None

    def kill(self, process: "subprocess.Popen[bytes] | None" = None) -> None:
        """SIGKILL: the whole site, or one process of it."""
        for victim in [process] if process else self.processes:
            if victim.poll() is None:
                victim.send_signal(signal.SIGKILL)
            victim.wait()

    def _spawn(self, name: str, *command: str, **more: str) -> "subprocess.Popen[bytes]":
        with (self.var_dir / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                command,
                env=self.environment | more,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self.processes.append(process)
        shared.watch_process(process.pid)
        return process

    def _wait(self) -> None:
        deadline = time.monotonic() + READY_WITHIN_S
        while time.monotonic() < deadline:
            for process in (self.web, self.worker, self.upkeep):
                if process is not None and process.poll() is not None:
                    raise RuntimeError(f"the site ended with {process.returncode}:\n{self._logs()}")
            if self._is_ready():
                return
            time.sleep(0.05)
        raise RuntimeError(f"the site was not ready within {READY_WITHIN_S} s:\n{self._logs()}")

    def _is_ready(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        with closing(connection), suppress(OSError, HTTPException):
            connection.request("GET", "/api/health/ready")
            return connection.getresponse().status == 200
        return False

    def tell(self) -> str:
        """Which of its processes live, and the ends of their logs without the lines of every request."""
        state = ", ".join(f"{Path(one.args[-1]).name} {one.poll()}" for one in self.processes)  # type: ignore[index,arg-type]
        return f"exit codes (None: it runs): {state}\n{self._logs()}"

    def _logs(self) -> str:
        parts = []
        for path in sorted(self.var_dir.rglob("*.log")):
            lines = path.read_text(errors="replace").splitlines()
            parts += [f"--- {path.name}", "\n".join(line for line in lines if " INFO " not in line)[-4000:]]
        return "\n".join(parts)


def build(*, scaled: bool = False, environment: dict[str, str] | None = None, limits: Mapping[str, str] = ROOM) -> Site:
    """A site with a migrated database of its own; not started yet."""
    var_dir = Path(tempfile.mkdtemp(prefix="site-", dir=shared.folder()))
    port = free_port()
    values = {name: os.environ[name] for name in KEPT if name in os.environ}
    values |= {
        "VAR_DIR": str(var_dir),
        "ENV_FILE": os.devnull,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "PYTHONUNBUFFERED": "1",
        "PYTHONFAULTHANDLER": "1",
        "PYTHONPATH": str(ROOT),
        "DUCKDUCKGO_URL": "",  # nothing leaves this machine
        "SERVE_RESTARTS": "no",  # what a test kills is the site itself, and stays dead
        "SECRET_KEY": "a-key-for-the-site-under-test-which-is-long-enough-0123456789",
        **limits,
    }
    if scaled:
        redis = new_redis_database()
        values |= {
            "DATABASE_URL": create_database(start_postgres().url, template=migrated.postgres(values)),
            "BROKER_URL": redis,
            "CACHE_URL": redis,
            "CHANNEL_LAYER_URL": redis,
        }
    else:
        shutil.copy(migrated.sqlite(values), var_dir / "agentsite.sqlite3")
        values["DATABASE_URL"] = f"sqlite:///{var_dir / 'agentsite.sqlite3'}"
    site = Site(port=port, var_dir=var_dir, environment=values | (environment or {}), scaled=scaled)
    _built.append(site)
    return site


@contextmanager
def asking(model_url: str, **environment: str) -> Iterator[Site]:
    """A running site whose only model is the one at that URL."""
    model = {"MODEL_ENDPOINT_URL": model_url, "MODEL_ENDPOINT_MODEL": "stand-in", "RUN_LEASE_S": "5"}
    site = build(environment=model | environment)
    try:
        site.start()
        yield site
    finally:
        tear_down(site)


@contextmanager
def alone(*, scaled: bool = False, limits: Mapping[str, str] = NO_LIMITS) -> Iterator[Site]:
    """A running site for a program that is not a test; what was started for it is stopped with it."""
    is_ours = shared.make_folder()
    site = build(scaled=scaled, limits=limits)
    try:
        site.start()
        yield site
    finally:
        tear_down(site)
        if is_ours:
            shared.stop_all()


def tear_down(site: Site) -> None:
    _built.remove(site)
    site.kill()
    if site.scaled:
        drop_database(start_postgres().url, site.database_url)
    shutil.rmtree(site.var_dir, ignore_errors=True)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that fails beside a site says how the site was: it may have died, and its log goes with it."""
    report = yield
    if report.failed:
        for site in _built:
            report.sections.append((f"site on port {site.port}", site.tell()))
    return report


StartSite = Callable[..., Site]


@pytest.fixture
def start_site() -> Iterator[StartSite]:
    """Starts sites for one test: start_site(scaled=False, environment={...})."""
    sites: list[Site] = []

    def start(*, scaled: bool = False, environment: dict[str, str] | None = None) -> Site:
        site = build(scaled=scaled, environment=environment)
        sites.append(site)
        site.start()
        return site

    yield start
    for site in sites:
        tear_down(site)


def _session_site(*, scaled: bool) -> Iterator[Site]:
    # A killed worker is missed after that time; tests' model servers are on this machine.
    site = build(scaled=scaled, environment={"RUN_LEASE_S": "5", "PRIVATE_ENDPOINTS_ALLOWED": "true"})
    try:
        site.start()
        yield site
    finally:
        tear_down(site)


@pytest.fixture(scope="session")
def live_site() -> Iterator[Site]:
    """The embedded site, one for each process of the run: make your own session in it, and do not stop it."""
    yield from _session_site(scaled=False)


@pytest.fixture(scope="session")
def scaled_site() -> Iterator[Site]:
    """The scaled-out site: PostgreSQL, Redis, and a worker process with beat."""
    yield from _session_site(scaled=True)
