"""The canvas in Chromium: frames while 500 nodes move, a status after its event, a long run, a large layout. JSON.

The times of frames are those between animation frames while the drawing is moved in each of them. A status is on the
screen when the frame is painted in which its node shows it; it is counted from when the socket brought its event.
Usage: python -m tests.benchmarks.programs.graph_canvas
"""

import json
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import httpx2
from playwright.sync_api import Browser, Page, sync_playwright

from tests.benchmarks.programs.graph_layout import graph
from tests.benchmarks.programs.page_ready import ARGUMENTS, CHROMIUM
from tests.servers import site

NODES, LARGE, STEPS = 500, 5000, 10_000
FRAMES = 180
WATCHED = 24
MOST_S = 120.0
CALL = """async ([method, path, body]) => {
    const csrf = document.cookie.match(/csrftoken=([^;]+)/)[1];
    const headers = {"Content-Type": "application/json", "X-CSRFToken": csrf};
    const answer = await fetch(path, {method, headers, body: body === null ? undefined : JSON.stringify(body)});
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${text.slice(0, 500)}`);
    return text ? JSON.parse(text) : null;
}"""
MOVE = """(frames) => new Promise((resolve) => {
    const drawing = document.querySelector("svg.drawing");
    const {left, top, width, height} = drawing.getBoundingClientRect();
    const at = {clientX: left + width / 2, clientY: top + height / 2, bubbles: true, cancelable: true};
    const times = [];
    let last = null;
    const step = (now) => {
        if (last !== null) times.push(now - last);
        last = now;
        if (times.length >= frames) return resolve(times);
        const n = times.length;
        const zooms = n % 60 >= 40;
        const way = Math.floor(n / 20) % 2 ? -1 : 1;
        const delta = zooms ? {deltaX: 0, deltaY: 12 * way} : {deltaX: 18 * way, deltaY: 9 * way};
        drawing.dispatchEvent(new WheelEvent("wheel", {...at, ...delta, ctrlKey: zooms}));
        requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
})"""
WATCH = """(() => {
    const told = new Map();
    window.delays = [];
    const Native = window.WebSocket;
    window.WebSocket = class extends Native {
        constructor(...given) {
            super(...given);
            this.addEventListener("message", ({data}) => {
                if (typeof data !== "string") return;
                const {type, data: {node_id: node} = {}} = JSON.parse(data);
                const status = {"node.started": "started", "node.completed": "completed"}[type];
                if (status) told.set(`${node} ${status}`, performance.now());
            });
        }
    };
    const seen = (element) => {
        const at = told.get(`${element.dataset.nodeId} ${element.dataset.status}`);
        if (at === undefined) return;
        requestAnimationFrame(() => {
            const channel = new MessageChannel();
            channel.port1.onmessage = () => window.delays.push(performance.now() - at);
            channel.port2.postMessage(null);
        });
    };
    new MutationObserver((changes) => changes.forEach(({target}) => seen(target)))
        .observe(document, {subtree: true, attributes: true, attributeFilter: ["data-status"]});
})()"""


def call(page: Page, method: str, path: str, body: Any = None) -> Any:
    return page.evaluate(CALL, [method, path, body])


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + MOST_S
    while not condition():
        assert time.monotonic() < deadline, "it took longer than it may"
        time.sleep(0.05)


def ready(page: Page) -> None:
    page.wait_for_function("() => document.documentElement.dataset.ready === 'true'", timeout=MOST_S * 1000)


def ended(page: Page, run: str) -> None:
    until(lambda: call(page, "GET", f"/v1/runs/{run}")["status"] in ("completed", "failed", "cancelled"))


def percentile(values: list[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * part))]


def drawn(count: int, name: str) -> dict[str, Any]:
    made = graph(count)
    nodes = [{**node, "config": {"set": {"n": "1"}}} for node in made["nodes"]]
    return {**made, "v": 1, "name": name, "nodes": nodes}


def frames(page: Page, base: str) -> dict[str, float]:
    """Of the editor with 500 nodes."""
    made = call(page, "POST", "/v1/graphs", drawn(NODES, "Wide"))
    page.goto(f"{base}/graph/{made['slug']}/")
    ready(page)
    page.evaluate(MOVE, 20)
    times = page.evaluate(MOVE, FRAMES)
    return {"500 nodes, a frame: median": statistics.median(times), "500 nodes, a frame: p95": percentile(times, 0.95)}


def statuses(page: Page, base: str) -> dict[str, float]:
    """Of a run of a session, on the page of the run; the graph has 100 nodes, of which a line is gone through."""
    ids = [f"step_{at}" for at in range(WATCHED)]
    line = [{"node_id": one, "tool": "sleep", "config": {"seconds": 0.1}} for one in ids]
    wide = [{"node_id": f"end_{at}", "tool": "compute", "config": {"set": {}}} for at in range(100 - WATCHED)]
    edges = [{"from_node": one, "to_node": other} for one, other in pairwise(ids)]
    others = {"from_node": ids[-1], "type": "conditional", "condition": "missing == 1"}
    edges += [{**others, "to_node": one["node_id"]} for one in wide]
    definition = {"v": 1, "name": "Line", "entry_node": ids[0], "nodes": [*line, *wide], "edges": edges}
    made = call(page, "POST", "/v1/graphs", definition)
    session = call(page, "POST", "/v1/sessions", {"title": "Bench", "language": "python"})
    asked = {"graph": made["slug"], "initial_state": {}, "session": session["id"]}
    run = call(page, "POST", "/v1/runs", asked)["id"]
    page.goto(f"{base}/runs/{run}/")
    ready(page)
    page.wait_for_function("() => document.querySelector('#status').textContent === 'Done'", timeout=MOST_S * 1000)
    delays = page.evaluate("window.delays")
    assert len(delays) > WATCHED, f"only {len(delays)} statuses were seen to change"
    return {
        "status after its event: median": statistics.median(delays),
        "status after its event: p95": percentile(delays, 0.95),
    }


def long_run(page: Page, base: str) -> dict[str, float]:
    """Opening a run of 10,000 steps, and scrolling through them."""
    definition = {
        "v": 1,
        "name": "Long",
        "entry_node": "add",
        "max_iterations": STEPS,
        "nodes": [{"node_id": "add", "tool": "compute", "config": {"set": {"n": "n + 1"}}}],
        "edges": [{"from_node": "add", "to_node": "add", "type": "conditional", "condition": f"n < {STEPS}"}],
    }
    made = call(page, "POST", "/v1/graphs", definition)
    run = call(page, "POST", "/v1/runs", {"graph": made["slug"], "initial_state": {"n": 0}})["id"]
    ended(page, run)
    page.goto(f"{base}/runs/{run}/")
    ready(page)
    opened = page.evaluate("performance.now()")
    page.wait_for_function(
        f"() => document.querySelector('#facts').textContent.includes('{STEPS} steps')", timeout=60_000
    )
    whole = page.evaluate("performance.now()")
    times = page.evaluate(
        """(frames) => new Promise((resolve) => {
            const list = document.querySelector("#timeline");
            const [times, far] = [[], list.scrollHeight / frames];
            let last = null;
            const step = (now) => {
                if (last !== null) times.push(now - last);
                last = now;
                if (times.length >= frames) return resolve(times);
                list.scrollTop += far;
                requestAnimationFrame(step);
            };
            requestAnimationFrame(step);
        })""",
        FRAMES,
    )
    shown = page.locator("#timeline .step").last
    assert shown.get_attribute("data-at") == str(STEPS - 1), "it does not scroll to its end"
    return {
        "10,000 steps: first ones shown": opened,
        "10,000 steps: all there": whole,
        "10,000 steps, scrolling, a frame: p95": percentile(times, 0.95),
    }


def large_layout(page: Page, base: str) -> dict[str, float]:
    """Drawing 5,000 nodes, and how long others wait for an answer meanwhile."""
    definition = drawn(LARGE, "Large")
    token = httpx2.post(f"{base}/v1/auth/guest", json={"name": "Bench"}).json()["access"]
    asking = {"Authorization": f"Bearer {token}"}
    waits: list[float] = []
    with httpx2.Client(timeout=MOST_S) as client:
        client.get(f"{base}/api/health")
        page.evaluate(
            """([path, body]) => {
                window.over = false;
                const begin = performance.now();
                const csrf = document.cookie.match(/csrftoken=([^;]+)/)[1];
                fetch(path, {method: "POST", headers: {"Content-Type": "application/json", "X-CSRFToken": csrf}, body})
                    .then((answer) => answer.text()).then(() => { window.over = performance.now() - begin; });
            }""",
            ["/v1/graphs/layout", json.dumps({"definition": definition})],
        )
        while not page.evaluate("window.over"):
            begin = time.perf_counter()
            client.get(f"{base}/v1/graphs?page_size=1", headers=asking)
            waits.append((time.perf_counter() - begin) * 1000)
    return {
        "layout of 5,000 nodes": page.evaluate("window.over"),
        "5,000 nodes, others' wait: p95": percentile(waits, 0.95),
    }


def measure(browser: Browser, base: str) -> dict[str, float]:
    context = browser.new_context(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    context.add_init_script(WATCH)
    page = context.new_page()
    page.goto(base)
    page.get_by_role("button", name="Start").first.click()
    page.wait_for_load_state()
    parts = (frames, statuses, long_run, large_layout)
    return {name: figure for part in parts for name, figure in part(page, base).items()}


def main() -> None:
    with site.alone() as place, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        figures = measure(browser, place.url)
        browser.close()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
