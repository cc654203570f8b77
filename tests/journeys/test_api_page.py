"""The API's own page in a browser: nothing comes from elsewhere, and an operation can be tried from it."""

from urllib.parse import urlsplit

from playwright.sync_api import expect

from tests.journeys.conftest import OpenPage
from tests.servers.site import Site


def test_an_operation_is_tried_from_the_page_which_asks_no_other_host(live_site: Site, open_page: OpenPage) -> None:
    page = open_page()
    hosts = set()
    page.on("request", lambda asked: hosts.add(urlsplit(asked.url).netloc))
    page.goto(f"{live_site.url}/docs")
    assert page.url == f"{live_site.url}/v1/docs"
    operation = page.locator(".opblock", has_text="/v1/auth/guest").first
    operation.get_by_role("button").first.click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    expect(operation.locator(".live-responses-table td.response-col_status:not(.col_header)")).to_contain_text("201")
    assert hosts - {""} == {urlsplit(live_site.url).netloc}
