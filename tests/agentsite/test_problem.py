"""Errors as problem documents."""

import importlib
import json
import pkgutil
from collections.abc import Iterator

import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import OperationalError
from django.http import Http404, HttpResponse
from django.test import Client, RequestFactory, override_settings
from django.urls import path
from rest_framework import exceptions, serializers
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

import graphs_app
import refine_app
import sessions_app
from agentsite import error_pages, problem
from sessions_app.errors import DomainError


def error_modules() -> Iterator[str]:
    for app in (sessions_app, graphs_app, refine_app):
        for found in pkgutil.walk_packages(app.__path__, app.__name__ + "."):
            if found.name.rpartition(".")[2] == "errors":
                yield found.name


def subclasses(of: type[DomainError]) -> Iterator[type[DomainError]]:
    for kind in of.__subclasses__():
        yield kind
        yield from subclasses(kind)


def test_every_error_that_a_caller_can_meet_has_a_status() -> None:
    for name in error_modules():
        importlib.import_module(name)
    ours = [kind for kind in subclasses(DomainError) if kind.__module__.split(".")[0].endswith("_app")]
    assert ours
    missing = {f"{kind.__module__}.{kind.__name__}: {kind.code}" for kind in ours if kind.code not in problem.STATUS_OF}
    assert not missing


def test_a_code_has_one_status_only() -> None:
    codes = [code for some in problem.CODES.values() for code in some]
    assert sorted(codes) == sorted(set(codes))


class Stale(DomainError):
    code = "stale_revision"


class Person(serializers.Serializer[object]):
    name = serializers.CharField()
    ages = serializers.ListField(child=serializers.IntegerField())


class Raises(APIView):
    """Raises what a test wants to see answered."""

    permission_classes = (AllowAny,)
    authentication_classes = ()
    error: Exception = Http404()

    def get(self, request: Request) -> Response:
        raise self.error

    def post(self, request: Request) -> Response:
        Person(data=request.data).is_valid(raise_exception=True)
        return Response({})


def page(request: object) -> HttpResponse:
    raise Raises.error


urlpatterns = [path("v1/raises", Raises.as_view()), path("v1/plain", page), path("page", page)]
handler400 = error_pages.bad_request
handler403 = error_pages.forbidden
handler404 = error_pages.not_found
handler500 = error_pages.failed


def get(error: Exception, at: str = "/v1/raises") -> HttpResponse:
    Raises.error = error
    with override_settings(ROOT_URLCONF=__name__):
        answer: HttpResponse = Client(raise_request_exception=False).get(at)
    return answer


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Stale("at 4", extra={"revision": 4}), 409, "stale_revision"),
        (Http404(), 404, "not_found"),
        (PermissionDenied(), 403, "not_allowed"),
        (RequestDataTooBig(), 413, "too_large"),
        (exceptions.NotAuthenticated(), 401, "not_authenticated"),
        (exceptions.ParseError(), 400, "malformed"),
        (exceptions.UnsupportedMediaType("text/csv"), 415, "unsupported_media_type"),
        (exceptions.Throttled(wait=7.2), 429, "too_many_requests"),
        (exceptions.NotAcceptable(), 406, "not_acceptable"),
        (OperationalError("connection refused to db.internal"), 503, "unavailable"),
        (ZeroDivisionError("a secret of ours"), 500, "internal_error"),
    ],
)
def test_an_error_of_the_api_is_a_problem(error: Exception, status: int, code: str) -> None:
    answer = get(error)
    body = json.loads(answer.content)
    assert answer.status_code == body["status"] == status
    assert answer["Content-Type"] == "application/problem+json"
    assert body["code"] == code
    assert body["type"].endswith(code)
    assert body["instance"] == "/v1/raises"
    assert body["request_id"] == answer["X-Request-ID"]
    assert body["detail"]


def test_members_of_an_error_cannot_take_the_place_of_standard_ones() -> None:
    body = json.loads(get(Stale("at 4", extra={"revision": 4, "status": 200})).content)
    assert (body["revision"], body["status"]) == (4, 409)


def test_an_unexpected_error_tells_nothing_of_the_inside(caplog: pytest.LogCaptureFixture) -> None:
    answer = get(ZeroDivisionError("a secret of ours"))
    assert b"secret" not in answer.content
    assert "a secret of ours" in caplog.text


def test_a_database_that_does_not_answer_says_when_to_try_again() -> None:
    answer = get(OperationalError("connection refused to db.internal"))
    assert answer["Retry-After"] == "2"
    assert b"internal" not in answer.content


def test_who_is_too_fast_is_told_for_how_long() -> None:
    assert get(exceptions.Throttled(wait=7.2))["Retry-After"] == "8"


def test_faults_of_a_body_have_json_pointers() -> None:
    with override_settings(ROOT_URLCONF=__name__):
        answer = Client().post("/v1/raises", {"ages": [1, "x", "y"]}, content_type="application/json")
    body = json.loads(answer.content)
    assert (answer.status_code, body["code"]) == (422, "invalid")
    assert {(fault["pointer"], fault["code"]) for fault in body["errors"]} == {
        ("/name", "required"),
        ("/ages/1", "invalid"),
        ("/ages/2", "invalid"),
    }


def test_a_method_that_is_not_there_says_which_are() -> None:
    with override_settings(ROOT_URLCONF=__name__):
        answer = Client().delete("/v1/raises")
    assert answer.status_code == 405
    assert answer["Allow"] == "GET, POST, HEAD, OPTIONS" or set(answer["Allow"].split(", ")) >= {"GET", "POST"}
    assert json.loads(answer.content)["code"] == "method_not_allowed"


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Http404(), 404, "not_found"),
        (PermissionDenied(), 403, "not_allowed"),
        (OperationalError("gone"), 503, "unavailable"),
        (ZeroDivisionError(), 500, "internal_error"),
    ],
)
def test_outside_rest_framework_programs_get_problems_too(error: Exception, status: int, code: str) -> None:
    answer = get(error, "/v1/plain")
    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    assert json.loads(answer.content)["code"] == code


def test_a_path_that_does_not_exist_is_a_problem_for_programs(client: Client) -> None:
    answer = client.get("/v1/nothing/here")
    assert (answer.status_code, json.loads(answer.content)["code"]) == (404, "not_found")


@override_settings(DEBUG=True)
def test_even_with_debug_a_missing_path_is_a_problem_for_programs(client: Client) -> None:
    answer = client.get("/v1/nothing/here")
    assert (answer.status_code, json.loads(answer.content)["code"]) == (404, "not_found")


def test_a_host_that_is_not_ours_is_a_problem(client: Client) -> None:
    answer = client.get("/v1/schema", headers={"Host": "evil.example"})
    assert (answer.status_code, json.loads(answer.content)["code"]) == (400, "bad_request")


def test_a_form_from_elsewhere_is_refused_in_words_for_programs() -> None:
    answer = Client(enforce_csrf_checks=True).post("/api/health")
    assert (answer.status_code, json.loads(answer.content)["code"]) == (403, "csrf_failed")


@pytest.mark.parametrize(("error", "status"), [(Http404(), 404), (OperationalError(), 503), (ZeroDivisionError(), 500)])
def test_people_get_a_page(error: Exception, status: int) -> None:
    answer = get(error, "/page")
    assert answer.status_code == status
    assert answer["Content-Type"].startswith("text/html")
    assert b"<h1" in answer.content


def test_a_given_request_id_comes_back_and_a_malformed_one_does_not(client: Client) -> None:
    assert client.get("/api/health", headers={"X-Request-ID": "order-66-of-ours"})["X-Request-ID"] == "order-66-of-ours"
    assert client.get("/api/health", headers={"X-Request-ID": "a b\n"})["X-Request-ID"] != "a b\n"


def test_the_status_of_djangos_own_answer_stays() -> None:
    request = RequestFactory().get("/v1/x")
    answer = problem.replace(request, HttpResponse(status=418))
    assert answer.status_code == 418
    assert json.loads(answer.content)["status"] == 418
