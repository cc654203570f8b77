"""Operators' pages: over every model, with a way from a session down to its node runs, and actions by services."""

from datetime import timedelta

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.sites import AdminSite
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from graphs_app.models import (
    Graph,
    GraphDraft,
    GraphProposal,
    GraphVersion,
    Interrupt,
    NodeAttempt,
    NodeRun,
    NodeRunStatus,
    Run,
    RunStatus,
    VersionLayout,
    WorkerHeartbeat,
    node_run_id,
)
from refine_app.models import Budget, EndpointState, Hunk, ModelCall, ModelCallText, Proposal, Request
from sessions_app.models import (
    Connection,
    Document,
    DocumentClient,
    DocumentSnapshot,
    DocumentUpdate,
    IdempotencyKey,
    Invitation,
    Invite,
    Member,
    QuarantinedUpdate,
    Removal,
    Revision,
    Role,
    Session,
    SessionEvent,
    SessionStatus,
    Ticket,
    User,
)
from sessions_app.services import sessions

pytestmark = pytest.mark.django_db

FOR_MEMBERS = {ModelCallText}
"""What was said to models and by them: for the members of its session, and no operator's business."""
OURS = [
    model
    for name in ("sessions_app", "graphs_app", "refine_app")
    for model in apps.get_app_config(name).get_models()
    if model not in FOR_MEMBERS
]
DEFINITION = {
    "v": 1,
    "name": "One step",
    "entry_node": "only",
    "nodes": [{"node_id": "only", "tool": "set_state", "config": {"values": {"done": True}}}],
    "edges": [],
}


@pytest.fixture
def olga() -> User:
    """An operator who may do everything."""
    return User.objects.create_superuser("olga", name="Olga")


@pytest.fixture
def operator(olga: User) -> Client:
    client = Client()
    client.force_login(olga)
    return client


@pytest.fixture
def session() -> Session:
    """Alice's session, with one of everything in it."""
    alice = User.objects.create_user("alice", name="Alice")
    made = sessions.create(user=alice, title="Sorting", language="python", text="print(1)\n")
    document = Document.objects.get(session=made)
    Revision.objects.get_or_create(document=document, number=document.revision, defaults={"text": "print(1)\n"})
    DocumentUpdate.objects.get_or_create(document=document, number=99, update=b"u", user=alice)
    DocumentSnapshot.objects.get_or_create(document=document, number=99, state=b"s", digest="c" * 64)
    DocumentClient.objects.get_or_create(document=document, client=99, user=alice)
    QuarantinedUpdate.objects.create(document=document, user=alice, update=b"q", reason="cut in two")
    Invite.objects.create(session=made, digest="e" * 64, role=Role.VIEWER, created_by=alice)
    Removal.objects.create(session=made, user=alice, at=timezone.now())
    Invitation.objects.create(session=made, name="ben", role=Role.VIEWER, created_by=alice, expires_at=timezone.now())
    Connection.objects.create(session=made, user=alice)
    Ticket.objects.create(digest="d" * 64, user=alice, expires_at=timezone.now())
    IdempotencyKey.objects.create(user=alice, key="k", path="/v1/sessions", body_digest="b" * 64)
    WorkerHeartbeat.objects.create(name="box:1", seen_at=timezone.now(), started_at=timezone.now())
    return made


@pytest.fixture
def run(session: Session) -> Run:
    graph = Graph.objects.create(slug="one-step", name="One step", version=1)
    version = GraphVersion.objects.create(graph=graph, number=1, definition=DEFINITION, digest="a" * 64)
    GraphDraft.objects.create(graph=graph, definition=DEFINITION, revision=1, base_version=1)
    made = Run.objects.create(session=session, user=session.created_by, graph_version=version, progress_total=1)
    NodeRun.objects.create(
        id=node_run_id(made.pk, 1),
        run=made,
        activation=1,
        node_id="only",
        tool="set_state",
        status=NodeRunStatus.STARTED,
    )
    NodeAttempt.objects.create(
        run=made, activation=1, node_id="only", tool="set_state", attempt=1, error={}, started_at=made.created_at
    )
    VersionLayout.objects.create(version=version, layout={"nodes": [], "edges": []})
    GraphProposal.objects.create(graph=graph, base=DEFINITION, base_version=1, run=made)
    Interrupt.objects.create(run=made, activation=2, node_id="ask", question="Really?")
    document = Document.objects.get(session=session)
    request = Request.objects.create(
        session=session, user=session.created_by, intent="refine_code", instruction="tidy", run=made, document=document,
        base_revision=1,
    )  # fmt: skip
    proposal = Proposal.objects.create(
        session=session, run=made, request=request, document=document, base_revision=1, new_text="x", diff="d"
    )
    Hunk.objects.create(
        proposal=proposal,
        n=1,
        header="@@ -1 +1 @@",
        old_start=1,
        old_lines=1,
        new_start=1,
        new_lines=1,
        text="-a\n+b\n",
    )
    ModelCall.objects.create(run=made, session=session, endpoint="built-in", outcome="completed")
    EndpointState.objects.create(slug="mistral")
    Budget.objects.create(scope="site", period="day", limit_usd=10)
    return made


def page(model: type, kind: str, *arguments: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{kind}", args=arguments)  # type: ignore[attr-defined]


def act(operator: Client, action: str, *chosen: Session | Run) -> str:
    data = {"action": action, "_selected_action": [str(one.pk) for one in chosen]}
    answer = operator.post(page(type(chosen[0]), "changelist"), data, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_every_model_has_a_page() -> None:
    assert [model.__name__ for model in OURS if not admin.site.is_registered(model)] == []


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_a_list_is_read_and_searched_by_few_queries_and_its_rows_open(
    model: type, operator: Client, run: Run, django_assert_max_num_queries: object
) -> None:
    with django_assert_max_num_queries(14):  # type: ignore[operator]
        assert operator.get(page(model, "changelist")).status_code == 200
    assert operator.get(page(model, "changelist"), {"q": str(run.pk)}).status_code == 200
    row = model._default_manager.first()  # type: ignore[attr-defined]
    assert row is not None
    assert operator.get(page(model, "change", row.pk)).status_code == 200


@pytest.mark.parametrize(
    "model", [SessionEvent, NodeRun, Run, ModelCall, Proposal, GraphVersion], ids=lambda model: model.__name__
)
def test_what_the_system_wrote_down_cannot_be_rewritten_by_hand(model: type, operator: Client, run: Run) -> None:
    row = model._default_manager.first()  # type: ignore[attr-defined]
    assert operator.get(page(model, "add")).status_code == 403
    assert operator.post(page(model, "change", row.pk), {}).status_code == 403
    assert operator.post(page(model, "delete", row.pk), {"post": "yes"}).status_code == 403


def test_the_way_leads_from_a_session_to_its_runs_node_runs_and_events(operator: Client, run: Run) -> None:
    session_page = operator.get(page(Session, "change", run.session_id)).content.decode()
    runs = f"{page(Run, 'changelist')}?session__id__exact={run.session_id}"
    assert runs in session_page
    assert str(run.pk) in operator.get(runs).content.decode()
    run_page = operator.get(page(Run, "change", run.pk)).content.decode()
    for model, lookup in ((NodeRun, "run__id__exact"), (SessionEvent, "run__exact"), (Request, "run__id__exact")):
        address = f"{page(model, 'changelist')}?{lookup}={run.pk}"
        assert address in run_page
        assert operator.get(address).status_code == 200
    assert page(Session, "change", run.session_id) in run_page


def test_a_run_is_cancelled_by_the_service(operator: Client, run: Run) -> None:
    assert "1 of 1 run asked to cancel" in act(operator, "cancel", run)
    run.refresh_from_db()
    assert run.status == RunStatus.CANCELLED
    assert SessionEvent.objects.filter(run=run.pk, type="run.cancelled").exists()
    assert "1 left alone: over before" in act(operator, "cancel", run)


def test_a_run_is_requeued(operator: Client, run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(status=RunStatus.RUNNING, lease_owner="gone", lease_until=timezone.now())
    assert "1 of 1 run queued again" in act(operator, "requeue", run)
    run.refresh_from_db()
    assert (run.status, run.lease_owner) == (RunStatus.QUEUED, "")


def test_a_lease_is_released(operator: Client, run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(
        status=RunStatus.RUNNING, lease_owner="gone", lease_until=timezone.now() + timedelta(hours=1), lease_epoch=1
    )
    assert "1 of 1 run given back" in act(operator, "release_lease", run)
    run.refresh_from_db()
    assert (run.status, run.lease_owner) == (RunStatus.QUEUED, "")


def test_what_has_ended_is_not_brought_back_by_releasing_its_lease(operator: Client, run: Run) -> None:
    Run.objects.filter(pk=run.pk).update(status=RunStatus.COMPLETED, lease_epoch=1)
    assert "1 left alone: not held" in act(operator, "release_lease", run)
    run.refresh_from_db()
    assert run.status == RunStatus.COMPLETED


def test_a_session_is_extended_by_an_operator_who_is_no_member(operator: Client, session: Session) -> None:
    Session.objects.filter(pk=session.pk).update(expires_at=timezone.now() + timedelta(minutes=1))
    assert "1 of 1 session extended" in act(operator, "extend", session)
    session.refresh_from_db()
    assert session.expires_at > timezone.now() + timedelta(hours=1)
    assert SessionEvent.objects.filter(session=session, type="session.extended").exists()


def test_a_session_is_expired_once(operator: Client, session: Session) -> None:
    assert "1 of 1 session expired" in act(operator, "expire", session)
    session.refresh_from_db()
    assert session.status == SessionStatus.EXPIRED
    assert "nothing done" in act(operator, "expire", session)
    assert "nothing done" in act(operator, "extend", session)


def test_an_operator_who_may_only_look_has_no_actions(session: Session, run: Run) -> None:
    viewer = User.objects.create_user("vera", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename__in=["view_session", "view_run"]))
    client = Client()
    client.force_login(viewer)
    for model in (Session, Run):
        listed = client.get(page(model, "changelist"))
        assert listed.status_code == 200
        assert 'name="action"' not in listed.content.decode()
    client.post(page(Run, "changelist"), {"action": "cancel", "_selected_action": [str(run.pk)]})
    run.refresh_from_db()
    assert run.status == RunStatus.QUEUED


def test_a_person_without_staff_rights_sees_nothing(session: Session) -> None:
    client = Client()
    client.force_login(session.created_by)
    assert client.get(page(Session, "changelist")).status_code == 302


def test_deleting_a_person_takes_their_sessions_and_the_record_of_them_along(operator: Client, run: Run) -> None:
    alice = User.objects.get(username="alice")
    assert operator.post(page(User, "delete", alice.pk), {"post": "yes"}).status_code == 302
    assert not Session.objects.exists()
    assert not Member.objects.filter(role=Role.OWNER).exists()


def test_the_pages_keep_to_the_sites_strict_policy(operator: Client, run: Run) -> None:
    answer = operator.get(page(Run, "change", run.pk))
    body = answer.content.decode()
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert "<style" not in body
    assert "onclick=" not in body
    assert "agentsite: operators" in body
    assert isinstance(admin.site, AdminSite)
