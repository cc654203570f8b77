"""REDIS_URL alone makes a site of several processes."""

import json
from urllib.request import Request, urlopen

import pytest

from tests.servers.site import build, tear_down


def test_one_redis_is_broker_channel_layer_and_cache() -> None:
    site = build(scaled=True)
    site.environment["REDIS_URL"] = site.environment.pop("BROKER_URL")
    del site.environment["CACHE_URL"], site.environment["CHANNEL_LAYER_URL"]
    try:
        site.start()
        with urlopen(f"{site.url}/api/health/ready") as answer:  # noqa: S310
            parts = {part["name"]: part for part in json.load(answer)["checks"]}
        assert parts["broker"]["detail"] == "redis"
        assert "Redis" in parts["channel_layer"]["detail"]
        headers = {"Content-Type": "application/json"}
        with urlopen(Request(f"{site.url}/v1/auth/guest", b"{}", headers)) as answer:  # noqa: S310
            headers["Authorization"] = f"Bearer {json.load(answer)['access']}"
        run = json.dumps({"graph": "code_review", "initial_state": {"code": "def f():\n    pass\n"}}).encode()
        with urlopen(Request(f"{site.url}/v1/runs", run, headers)) as answer:  # noqa: S310
            assert answer.status == 202
    finally:
        tear_down(site)


@pytest.mark.parametrize("url", ["http://localhost:6379", "localhost:6379"])
def test_an_address_that_is_no_redis_is_refused_by_name(url: str) -> None:
    site = build(environment={"REDIS_URL": url, "BROKER_URL": "memory://", "CHANNEL_LAYER_URL": "memory://"})
    try:
        checked = site.manage("check")
        assert checked.returncode == 1
        assert "REDIS_URL is not the address of a Redis" in checked.stderr
    finally:
        tear_down(site)
