"""The pages of endpoints, prompts and costs, as the server makes them: what staff sees, and what others do not."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from refine_app.models import Budget, Endpoint, EndpointState, ModelCall
from refine_app.services import prompts
from sessions_app.models import User
from tests.refine_app.cast import Cast, make_cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast(db: None) -> Cast:
    made = make_cast()
    User.objects.filter(pk=made.sam.pk).update(is_staff=True)
    made.sam.refresh_from_db()
    return made


def page(user: User, path: str) -> str:
    client = Client()
    client.force_login(user)
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def called(cast: Cast, **more: Any) -> ModelCall:
    values: dict[str, Any] = {
        "user": cast.ana, "session": cast.session, "endpoint": "mine", "outcome": "completed", "prompt_tokens": 1200,
        "completion_tokens": 300, "cost_usd": Decimal("0.0123"), "prompt_version": "answer_question@1.0.0",
        "created_at": timezone.now(),
    }  # fmt: skip
    return ModelCall.objects.create(**(values | more))


@pytest.mark.parametrize("path", ["/endpoints/", "/prompts/", "/prompts/answer_question/", "/costs/"])
def test_strangers_are_asked_to_sign_in(path: str) -> None:
    answer = Client().get(path)
    assert answer.status_code == 302
    assert path in answer.headers["Location"]


def test_only_staff_sees_where_endpoints_are_and_may_touch_them(cast: Cast) -> None:
    Endpoint.objects.create(
        slug="mine", url="https://models.example/v1", model="m", input_usd=1, output_usd=Decimal("2.50")
    )
    EndpointState.objects.create(slug="mine", failures=2, last_error="it fell over", latency_ms=120.4)
    staff, other = page(cast.sam, "/endpoints/"), page(cast.ana, "/endpoints/")
    for words in ("models.example", "DEEPSEEK_API_KEY", "it fell over", 'aria-label="Test mine"', "Add an endpoint"):
        assert words in staff
        assert words not in other
    for words in ("Ready", "120 ms to the first words", "$1 in, $2.5 out per million tokens", "2 failures in a row"):
        assert words in staff
        assert words in other
    assert "no token for it" in other


def test_without_any_endpoint_the_page_says_what_answers_and_what_to_do(cast: Cast) -> None:
    Endpoint.objects.all().delete()
    assert "Set <code>HF_TOKEN</code>" in page(cast.sam, "/endpoints/")
    assert "Staff of this site can switch one on" in page(cast.ana, "/endpoints/")


def test_a_prompt_shows_its_versions_what_changed_and_where_it_is_used(cast: Cast) -> None:
    called(cast)
    text = prompts.text_of(prompts.find_version(prompts.find_prompt("answer_question"), "production"))
    prompts.create_version(
        user=cast.sam, name="answer_question", content=text.content + "<b>Be brief.</b>\n", variables=text.variables,
        metadata={"note": "Shorter"},
    )  # fmt: skip
    shown = page(cast.sam, "/prompts/answer_question/?version=1.1.0")
    for words in (
        "Text of 1.1.0",
        "Shorter",
        "&lt;b&gt;Be brief.&lt;/b&gt;",
        'aria-label="Use 1.1.0"',
        ">1.0.0 in use",
    ):
        assert words in shown
    assert '<div class="diff-line came"><span class="diff-sign">+</span>' in shown
    assert '<td class="number">1</td>' in shown
    assert "Roll back" not in shown
    prompts.set_label(user=cast.sam, name="answer_question", label="production", version="1.1.0")
    assert "Roll back" in page(cast.sam, "/prompts/answer_question/")
    reading = page(cast.ana, "/prompts/answer_question/")
    assert "readonly" in reading
    assert "Publish" not in reading
    listed = page(cast.ana, "/prompts/")
    assert "1.1.0 in use" in listed
    assert "used in 1 call" in listed
    client = Client()
    client.force_login(cast.ana)
    for missing in (
        "/prompts/none/",
        "/prompts/answer_question/?version=9.9.9",
        "/prompts/answer_question/?from=x&to=y",
    ):
        assert client.get(missing).status_code == 404


@pytest.mark.parametrize(
    ("by", "words"),
    [("day", "$0.0123"), ("user", "Ana"), ("session", "Lines"), ("prompt", "?version=1.0.0"), ("nonsense", "by day")],
)
def test_costs_are_summed_by_whatever_is_asked(cast: Cast, by: str, words: str) -> None:
    called(cast)
    shown = page(cast.ana, f"/costs/?by={by}&period=7")
    for each in (words, "1,200", "300", "Your calls"):
        assert each in shown


def test_what_is_not_known_is_never_nothing_and_others_calls_are_staffs_matter(cast: Cast) -> None:
    called(cast, cost_usd=None, tokens_estimated=True)
    assert "not known" in page(cast.ana, "/costs/")
    assert "1 counted by us" in page(cast.ana, "/costs/")
    assert "Nothing was asked of a model" in page(cast.vera, "/costs/")
    assert "Everybody's calls" in page(cast.sam, "/costs/")


def test_budgets_show_what_is_left_to_those_whom_they_hold(cast: Cast) -> None:
    called(cast)
    Budget.objects.create(scope="session", subject=cast.session.pk, period="total", limit_usd=Decimal("0.02"))
    Budget.objects.create(scope="site", period="day", limit_usd=Decimal("0.01"))
    Budget.objects.create(scope="user", period="day", limit_usd=Decimal(3))
    staff, member, elsewhere = (
        page(user, "/costs/") for user in (cast.sam, cast.ben, User.objects.create(username="e"))
    )
    for words in ("Session Lines", "$0.0077 left", "The whole site", "$0 left", "Each person", "Lift the budget of"):
        assert words in staff
    assert "Session Lines" in member
    assert "The whole site" not in member
    assert "Lift the budget" not in member
    assert "No budget is set" in elsewhere
