import importlib.util
import os
import subprocess
import sys
import threading
import types
from pathlib import Path
from typing import Any

import pytest

from agentsite import lazy_modules
from graphs_app.engine.registry import REGISTRY
from refine_app.tools.names import NAMES

ROOT = Path(__file__).resolve().parents[2]

NOT_IN_A_WORKER = (
    "celery",
    "channels_redis",
    "daphne",
    "django.contrib.admin",
    "django.forms.forms",
    "django.template.base",
    "django.test.client",
    "django.views.generic.base",
    "django_stubs_ext",
    "drf_spectacular",
    "graphs_app.api",
    "graphs_app.layout.plan",
    "graphs_app.redesign",
    "httpx2._client",
    "huggingface_hub",
    "jinja2.environment",
    "jsonschema.validators",
    "kombu.entity",
    "lizard",
    "pycrdt._doc",
    "pydantic",
    "redis.client",
    "refine_app.tools.catalogue",
    "rest_framework",
    "rest_framework_simplejwt",
    "sessions_app.realtime.hub",
    "sessions_app.services.auth",
    "sqlparse.engine",
    "twisted",
    "unidiff",
    "uvicorn",
    "whitenoise",
)
"""What a worker must not load before a run needs it: each is megabytes, or leads to some."""

START = """
import agentsite, django, sys
django.setup()
from graphs_app import worker
from graphs_app.engine.compiled import compile_definition
from graphs_app.engine.registry import REGISTRY
from graphs_app.services import execution
compile_definition(
    {"v": 1, "name": "Waits", "entry_node": "n", "edges": [],
     "nodes": [{"node_id": "n", "tool": "sleep", "config": {"seconds": 1}}]},
    REGISTRY,
)
print(*sys.modules)
"""


def test_a_worker_that_executes_a_plain_graph_loads_no_pages_no_broker_and_no_agents(tmp_path: Path) -> None:
    settings = {"SERVES_PAGES": "no", "DJANGO_SETTINGS_MODULE": "agentsite.settings", "VAR_DIR": str(tmp_path)}
    started = subprocess.run(
        [sys.executable, "-c", START], cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, check=True
    )
    assert sorted(set(NOT_IN_A_WORKER) & set(started.stdout.split())) == []


def test_the_names_of_tools_that_are_loaded_later_are_those_of_the_catalogue() -> None:
    from refine_app.tools.catalogue import TOOLS

    assert sorted(NAMES) == sorted(tool.name for tool in TOOLS)
    assert {tool.name for tool in REGISTRY} >= set(NAMES)


def load(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """Imports a module of a folder as those of the list are."""
    spec = lazy_modules.Finder().find_spec(name, [str(folder)])
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, name, module)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def lazy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A module that counts how often it is run."""
    monkeypatch.setattr(lazy_modules, "ON_FIRST_USE", frozenset({"counted"}))
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "runs.py").write_text("times = []\n")
    (tmp_path / "counted.py").write_text("import runs\nruns.times.append(1)\nANSWER = 42\n")
    monkeypatch.delitem(sys.modules, "runs", raising=False)
    return load("counted", tmp_path, monkeypatch)


def times_run() -> int:
    module: Any = sys.modules.get("runs")
    return 0 if module is None else len(module.times)


def test_a_module_is_run_by_the_first_who_asks_it_for_something(lazy: types.ModuleType) -> None:
    assert lazy.__name__ == "counted"
    assert times_run() == 0
    assert lazy.ANSWER == 42
    assert type(lazy) is types.ModuleType
    assert times_run() == 1


def test_threads_that_ask_at_once_all_find_it_run_once(lazy: types.ModuleType) -> None:
    barrier, found = threading.Barrier(8), []

    def ask() -> None:
        barrier.wait(60)
        found.append(lazy.ANSWER)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == [42] * 8
    assert times_run() == 1


def test_threads_that_need_each_others_modules_do_not_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lazy_modules, "ON_FIRST_USE", frozenset({"left", "right"}))
    monkeypatch.syspath_prepend(str(tmp_path))
    both: Any = types.ModuleType("both")
    both.are_there = threading.Barrier(2).wait
    monkeypatch.setitem(sys.modules, "both", both)
    for name, other in (("left", "right"), ("right", "left")):
        body = f"import both\nboth.are_there(60)\nimport {other}\nFOUND = getattr({other}, 'FOUND', 'half')\n"
        (tmp_path / f"{name}.py").write_text(body)
        load(name, tmp_path, monkeypatch)
    threads = [
        threading.Thread(target=getattr, args=(sys.modules[name], "FOUND"), daemon=True) for name in ("left", "right")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert [sys.modules[name].FOUND for name in ("left", "right")] == ["half", "half"]


def test_what_a_module_does_not_have_is_said_as_by_any_module(lazy: types.ModuleType) -> None:
    with pytest.raises(AttributeError, match="'counted' has no attribute 'nothing'"):
        _ = lazy.nothing
    assert times_run() == 1


def test_a_module_that_failed_is_tried_again(lazy: types.ModuleType, tmp_path: Path) -> None:
    whole = (tmp_path / "counted.py").read_text()
    (tmp_path / "counted.py").write_text("raise OSError('not now')\n")
    with pytest.raises(OSError, match="not now"):
        _ = lazy.ANSWER
    (tmp_path / "counted.py").write_text(whole)
    assert lazy.ANSWER == 42
