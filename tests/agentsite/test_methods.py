"""Every address of the site, asked by every method: what nobody thought of is refused, and never a failure."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from django.test import Client
from django.urls import URLPattern, get_resolver
from pytest_django import Settings

from sessions_app.models import User

SAMPLES = {"uuid": str(UUID(int=7)), "int": "7", "str": "x", "slug": "x", "path": "x/y"}
METHODS = ("HEAD", "OPTIONS", "TRACE", "PATCH", "PUT", "PROPFIND", "GET", "DELETE", "POST")


def routes(patterns: Any, before: str = "") -> Iterator[str]:
    for one in patterns:
        route = before + re.sub(r"\\Z|[\^$]|\\(?=[./-])", "", str(one.pattern))
        if isinstance(one, URLPattern):
            yield route
        else:
            yield from routes(one.url_patterns, route)


def sample(route: str) -> str:
    named = re.sub(r"<(?:(\w+):)?\w+>", lambda found: SAMPLES.get(found[1] or "str", "x"), route)
    return "/" + re.sub(r"\(.*?\)", "x", named).lstrip("/")


@pytest.fixture(params=["a stranger", "staff"])
def client(request: pytest.FixtureRequest, db: None, settings: Settings) -> Client:
    settings.RATE_LIMITS = False  # or most would be refused before they are asked
    made = Client(raise_request_exception=False)
    if request.param == "staff":
        made.force_login(User.objects.create(username="root", is_staff=True, is_superuser=True))
    return made


@pytest.mark.parametrize("method", METHODS)
def test_no_address_fails_whatever_it_is_asked(client: Client, method: str) -> None:
    paths = sorted({sample(route) for route in routes(get_resolver().url_patterns)})
    assert len(paths) > 80
    failed = []
    for path in paths:
        for query in ("", "?format=x&limit=-1&cursor=%00&start=x&after=1e9"):
            answer = client.generic(method, path + query, b"{}", content_type="application/json")
            if answer.status_code >= 500 and not path.startswith("/api/health/"):  # which tells of what is not there
                failed.append((path + query, answer.status_code))
    assert failed == []
