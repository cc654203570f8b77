"""A browser for the journeys: Debian's Chromium through Playwright, and what went wrong in its pages."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"))), None
)
"""The one without windows first: the same engine, and nobody's CPU goes into an address bar that is not shown."""
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
DESKTOP = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
PATIENCE_MS = 30_000
STATIC = Path(__file__).resolve().parents[2] / "static"
expect.set_options(timeout=PATIENCE_MS)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The journeys of one file share a browser, so they stay in one process of the run."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            if item.get_closest_marker("xdist_group") is None:
                item.add_marker(pytest.mark.xdist_group(f"journeys-{item.path.stem}"))
            if CHROMIUM is None:
                item.add_marker(pytest.mark.skip(reason="no Chromium on this machine: see tests/install_browser"))


@dataclass
class Problems:
    """What a page's console and its security policy complained of."""

    found: list[str] = field(default_factory=list)

    def note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.found.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")


OpenPage = Callable[..., Page]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A browser for one file: while Playwright runs, its loop does, and Django refuses the database to other tests."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def problems() -> Problems:
    return Problems()


@pytest.fixture
def open_page(browser: Browser, problems: Problems) -> Iterator[OpenPage]:
    """Opens a page in a browser of its own: open_page(viewport=PHONE, color_scheme="dark")."""
    contexts: list[BrowserContext] = []

    def open_one(**options: object) -> Page:
        # Nothing spins or glides: without a graphics card that is most of what a page costs.
        context = browser.new_context(**{"viewport": DESKTOP, "reduced_motion": "reduce", **options})  # type: ignore[arg-type]
        context.set_default_timeout(PATIENCE_MS)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        contexts.append(context)
        page = context.new_page()
        page.on("console", problems.note)
        page.on("pageerror", lambda error: problems.found.append(f"page error: {error}"))
        return page

    yield open_one
    for context in contexts:
        context.close()


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the test tells what went wrong."""


@pytest.fixture(scope="module")
def static_url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(STATIC)))
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(scope="module")
def blank(browser: Browser, static_url: str) -> Iterator[Page]:
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{static_url}/vendor/")
    yield page
    context.close()
