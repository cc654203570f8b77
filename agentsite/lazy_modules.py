"""Modules that are run when something in them is first asked for, and not when they are imported.

A process pays for what it loads with memory and with the time of its start, and libraries load what only some processes
use: forms, a test client, a judge of schemas, a broker's client. A module in ON_FIRST_USE is imported as ever, by
whoever imports it, but that only finds its file. The first attribute that is asked of it runs it, once, whichever
thread asks; from then on it is a module like any other. `from it import name` asks at once.
"""

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import ModuleType
from typing import Any

bootstrap: Any = importlib.import_module("importlib._bootstrap")

ON_FIRST_USE = frozenset(
    {
        "agentsite.celery",  # who executes runs without a broker never speaks to one
        "django.core.cache.backends.filebased",  # a system check knows its class
        "django.core.mail",
        "django.core.management",
        "django.forms",  # models could make some of their fields
        "django.template",
        "django.test",  # it tells who signs tokens of changed settings
        "django.views",
        "django.views.debug",
        "django.views.generic",
        "graphs_app.comparison",
        "graphs_app.layout",
        "graphs_app.services.redesigns",
        "html.entities",
        "httpx2",
        "jsonschema",
        "jsonschema.exceptions",
        "jinja2",
        "jinja2.exceptions",
        "jinja2.nodes",
        "jinja2.sandbox",
        "kombu.exceptions",
        "pycrdt",
        "re2",
        "redis",
        "redis.exceptions",
        "referencing",
        "refine_app.prompts.metered",
        "sessions_app.update_log",
        "sqlparse",  # for migrations in SQL
    }
)
"""Packages may be among them, for their own file; not modules that put something else in their place."""


class Unused(ModuleType):
    """A module that nobody has asked for anything yet."""

    def __getattr__(self, name: str) -> Any:
        known = self.__dict__
        source = known["__loader__"]
        if name == "__path__" or not isinstance(source, OnFirstUse):
            raise AttributeError(name)  # imports look whether it is a package
        source.run(self)
        if name in known:
            return known[name]
        if "__getattr__" in known:
            return known["__getattr__"](name)
        raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")


class OnFirstUse(SourceFileLoader):
    """Loads one module."""

    def __init__(self, name: str, path: str) -> None:
        super().__init__(name, path)
        self._was_begun = False

    def exec_module(self, module: ModuleType) -> None:
        if self._was_begun:
            super().exec_module(module)  # it is to be loaded again
        else:
            module.__class__ = Unused

    def run(self, module: Unused) -> None:
        """Runs the module unless it was; who comes while another thread does it waits.

        The lock is the one that imports of this name take: those know when threads wait for each other in a circle,
        where a lock of our own would be a part of it that they do not see.
        """
        lock = bootstrap._get_module_lock(self.name)
        try:
            lock.acquire()
        except bootstrap._DeadlockError:
            return  # as an import does in a circle of threads: what is there by now has to do
        try:
            if self._was_begun:
                return
            self._was_begun = True
            try:
                super().exec_module(module)
            except BaseException:
                self._was_begun = False
                raise
            if type(module) is Unused:
                module.__class__ = ModuleType  # type: ignore[assignment]  # it is like any other from now on
        finally:
            lock.release()


class Finder(MetaPathFinder):
    """Finds the modules of the list, wherever they would be found otherwise."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in ON_FIRST_USE:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = OnFirstUse(spec.loader.name, spec.loader.path)
        return spec


def install() -> None:
    """Before anything else is imported; what is there already stays as it is."""
    if not any(isinstance(finder, Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, Finder())
