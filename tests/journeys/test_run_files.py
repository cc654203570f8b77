"""What a build wrote beside the file that it proposes: found, read and kept, in the workspace and on its run's page."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.journeys import steps
from tests.journeys.conftest import PHONE, OpenPage, Problems
from tests.model_server import Behaviour, ModelServer
from tests.servers.site import Site, asking

STYLE = "p { color: red; }\n/* <img src=x onerror=alert(1)> */\n"
FILES = f"Here:\n\n`app.py`\n```python\nprint('counted')\n```\n\nweb/style.css\n```css\n{STYLE}```\n"
NO_NEED = json.dumps({"needs_search": False, "query": "", "known": "nothing"})
ANSWERS = [Behaviour(answer=text) for text in (NO_NEED, "1. plan", "notes", FILES, "Done: run app.py.")]


@pytest.fixture(scope="module")
def model() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture(scope="module")
def site(model: ModelServer) -> Iterator[Site]:
    with asking(model.url) as site:
        yield site


def build(page: Page) -> None:
    page.get_by_label("What do you want?").fill("A counter")
    page.get_by_label("What kind of request").select_option("build")
    steps.send(page)
    steps.wait_for_outcome(page)


def downloaded(page: Page, name: str) -> bytes:
    with page.expect_download() as begun:
        page.get_by_role("link", name=name).click()
    return Path(begun.value.path()).read_bytes()


def see_files(page: Page) -> None:
    """All of them with their sizes; one is read as text that does nothing, and kept; all are kept as a zip."""
    files = page.locator(".run-file")
    expect(files).to_have_count(2)
    expect(files.first).to_contain_text("app.py17 bytesIn the proposal")
    expect(files.last).to_contain_text(f"web/style.css{len(STYLE)} bytes")
    page.get_by_role("button", name="Show web/style.css").click()
    expect(files.last.locator("pre")).to_have_text(STYLE)
    assert page.locator(".run-file img").count() == 0
    assert Axe().run(page).response["violations"] == []
    assert downloaded(page, "Download web/style.css") == STYLE.encode()
    with zipfile.ZipFile(io.BytesIO(downloaded(page, "All as a zip"))) as archive:
        assert [name.partition("/")[2] for name in archive.namelist()] == ["app.py", "web/style.css"]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_all_files_of_a_build_are_found_beside_its_proposal_and_on_the_page_of_its_run(
    site: Site, model: ModelServer, open_page: OpenPage, problems: Problems
) -> None:
    model.then(*ANSWERS)
    page = open_page()
    steps.start_as_guest(page, site.url)
    steps.open_session(page, "old = 1\n")
    build(page)
    assert steps.wait_for_hunks(page) == 1
    see_files(page)
    page.reload()
    steps.wait_until_ready(page)
    see_files(page)
    run = page.url.partition("run=")[2].partition("&")[0]
    page.goto(f"{site.url}/runs/{run}/")
    see_files(page)
    phone = open_page(viewport=PHONE, color_scheme="dark", storage_state=page.context.storage_state())
    phone.goto(f"{site.url}/runs/{run}/")
    phone.get_by_role("button", name="Timeline").click()
    see_files(phone)
    assert problems.found == []
