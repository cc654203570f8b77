"""The workspace in Chromium, from navigation to an editor that takes a key; and the JavaScript it loads. JSON.

Usage: python -m tests.benchmarks.programs.page_ready
"""

import gzip
import json

from playwright.sync_api import Response, sync_playwright

from tests.servers import site

CHROMIUM = "/usr/bin/chromium"
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


def measure(base: str) -> dict[str, float]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        page = browser.new_page()
        page.goto(base)
        page.get_by_role("button", name="Start").first.click()
        page.wait_for_load_state()
        created = page.evaluate(
            """async () => {
                const csrf = document.cookie.match(/csrftoken=([^;]+)/)[1];
                const headers = {"Content-Type": "application/json", "X-CSRFToken": csrf};
                const made = await fetch("/v1/sessions", {
                    method: "POST", headers, body: JSON.stringify({title: "Bench", language: "python"})});
                return (await made.json()).id;
            }"""
        )
        scripts: dict[str, bytes] = {}

        def keep(response: Response) -> None:
            if response.request.resource_type == "script":
                scripts[response.url] = response.body()

        page.on("response", keep)
        page.goto(f"{base}/sessions/{created}/")
        page.locator(".cm-content").click()
        page.keyboard.type("x")
        page.wait_for_function("document.querySelector('.cm-content').textContent.includes('x')")
        ready = page.evaluate("performance.getEntriesByType('mark').find(m => m.name === 'ready-to-type')?.startTime")
        size = sum(len(gzip.compress(body, 9)) for body in scripts.values()) / 1000
        browser.close()
    return {"ready to type": ready, "JavaScript, gzipped": size}


def main() -> None:
    with site.alone() as place:
        figures = measure(place.url)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
