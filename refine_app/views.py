"""The pages of the main job: the person's sessions, and the workspace of one of them."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST, require_safe

from graphs_app.models import GraphDraft, Run
from refine_app.samples import SAMPLES, find_sample
from refine_app.tools.languages import detect_language
from sessions_app import selectors
from sessions_app.crdt.kinds import GRAPH
from sessions_app.errors import DomainError, NotFound, RateLimited
from sessions_app.limits import http, policies
from sessions_app.limits.http import limited
from sessions_app.models import Member, Session, User
from sessions_app.page_modules import modules_of
from sessions_app.services import invitations, sessions
from sessions_app.services.sessions import stamp
from sessions_app.views import BACKEND, HOME, new_guest, safe_next, to_welcome

SESSIONS_ON_A_PAGE = 20
INVITATIONS_SHOWN = 20
DETECT = "auto"
LANGUAGES = (
    ("python", "Python"),
    ("javascript", "JavaScript"),
    ("typescript", "TypeScript"),
    ("html", "HTML"),
    ("css", "CSS"),
    ("json", "JSON"),
    ("yaml", "YAML"),
    ("toml", "TOML"),
    ("ini", "INI"),
    ("xml", "XML"),
    ("sql", "SQL"),
    ("makefile", "Makefile"),
    ("dockerfile", "Dockerfile"),
    ("notebook", "Jupyter notebook"),
    ("bash", "Shell"),
    ("markdown", "Markdown"),
    ("go", "Go"),
    ("rust", "Rust"),
    ("java", "Java"),
    ("c", "C"),
    ("cpp", "C++"),
    ("text", "Plain text"),
)
EXAMPLES = (
    {"instruction": "Simplify this code and keep what it does", "intent": "refine_code"},
    {"instruction": "Add type hints and tidy the imports", "intent": "refine_code"},
    {"instruction": "Which functions are too complex?", "intent": "code_review"},
)


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The person's sessions; for strangers, how to begin."""
    if not isinstance(request.user, User):
        context = {
            "guests_allowed": settings.GUESTS_ALLOWED,
            "samples": SAMPLES,
            "next": safe_next(request),
            "sign_in_open": "account" in request.GET,
        }
        return render(request, "sessions_app/welcome.html", context)
    return _home(request, request.user)


def _home(request: HttpRequest, user: User, draft: dict[str, str] | None = None, status: int = 200) -> HttpResponse:
    page = Paginator(_listed_sessions(user), SESSIONS_ON_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "invitations": invitations.pending_of(user)[:INVITATIONS_SHOWN],
        "samples": SAMPLES,
        "languages": ((DETECT, "Detect from the code"), *LANGUAGES),
        "draft": draft or {"language": DETECT},
    }
    return render(request, "refine_app/home.html", context, status=status)


def _listed_sessions(user: User) -> QuerySet[Session]:
    last_run = Run.objects.filter(session=OuterRef("pk"), parent=None).order_by("-created_at", "-id")
    members = Member.objects.filter(session=OuterRef("pk")).order_by().values("session")
    return (
        selectors.sessions_of(user)
        .annotate(
            last_run_status=Subquery(last_run.values("status")[:1]),
            member_count=Subquery(members.annotate(count=Count("pk")).values("count")),
        )
        .order_by("-last_active_at", "-id")
    )


@limited()
@login_required
@require_POST
def create_session(request: HttpRequest) -> HttpResponse:
    """Opens a session with the pasted code or the chosen file; what cannot be taken stays in the form."""
    if not isinstance(request.user, User):
        return to_welcome(HOME)
    draft = {name: request.POST.get(name, "") for name in ("title", "language", "text")}
    try:
        http.ask(request, policies.SESSIONS, request.user)
        text = _chosen_text(request)
        language = _chosen_language(request, draft, text)
        session = sessions.create(user=request.user, title=draft["title"], language=language, text=text)
    except (DomainError, UnicodeDecodeError) as error:
        is_text = isinstance(error, DomainError)
        messages.error(request, str(error) if is_text else "The file is not UTF-8 text; choose another.")
        return _home(request, request.user, draft, status=429 if isinstance(error, RateLimited) else 422)
    return HttpResponseRedirect(reverse("workspace", args=[session.pk]))


def _chosen_language(request: HttpRequest, draft: dict[str, str], text: str) -> str:
    """As chosen; else what the names and the text tell, and plain text where they tell nothing."""
    if draft["language"] not in ("", DETECT):
        return draft["language"]
    chosen = request.FILES.get("file")
    return detect_language(text, filename=(chosen.name if chosen else "") or draft["title"])


def _chosen_text(request: HttpRequest) -> str:
    chosen = request.FILES.get("file")
    if chosen is not None and chosen.size:
        content: bytes = chosen.read()
        return content.decode("utf-8")
    # Browsers send a form's text with CRLF, whatever was pasted.
    return request.POST.get("text", "").replace("\r\n", "\n")


@limited()
@require_POST
def start_sample(request: HttpRequest, slug: str) -> HttpResponse:
    """Opens a session on a sample, for strangers as a guest, with the request ready to send."""
    sample = find_sample(slug)
    if sample is None:
        raise Http404(slug)
    try:
        http.ask(request, policies.SESSIONS, request.user)
        user = request.user if isinstance(request.user, User) else new_guest(request, request.POST.get("name", ""))
        if not request.user.is_authenticated:
            login(request, user, backend=BACKEND)
        session = sessions.create(user=user, title=sample.title, language=sample.language, text=sample.text)
    except DomainError as error:
        messages.error(request, str(error))
        return HttpResponseRedirect(HOME)
    return HttpResponseRedirect(reverse("workspace", args=[session.pk], query={"sample": sample.slug}))


@require_GET
def workspace(request: HttpRequest, session_id: UUID) -> HttpResponse:
    """The workspace of one session, with its text, so that typing can begin before any other request."""
    if not isinstance(request.user, User):
        return to_welcome(request.get_full_path())
    try:
        # In this order: the log's number is read before the text, so that no change between them is missed.
        session = selectors.session_of(request.user, session_id)
        document = selectors.document_of(session_id)
    except NotFound as error:
        raise Http404(str(error)) from error
    if document.kind == GRAPH.name:
        return _graph_of(session_id)
    members = [_member(member) for member in selectors.members_of(session_id)]
    context = {
        "session": session,
        "members": members[:5],
        "member_names": ", ".join(member["name"] for member in members),
        "languages": LANGUAGES,
        "examples": EXAMPLES,
        "modules": modules_of("js/pages/workspace.js"),
        "data": {
            "user": {"id": str(request.user.pk), "name": str(request.user), "is_guest": request.user.is_guest},
            "session": _session(session),
            "document": {"text": document.text, "revision": document.revision},
            "suggestion": _suggestion(request),
        },
    }
    return render(request, "refine_app/workspace.html", context)


def _graph_of(session_id: UUID) -> HttpResponse:
    """A session in which a graph is drawn: its page is the graph's."""
    draft = GraphDraft.objects.filter(session=session_id).select_related("graph").first()
    if draft is None:
        raise Http404("The graph that was drawn in this session is gone.")
    return HttpResponseRedirect(reverse("graph-page", args=[draft.graph.slug]))


def _session(session: Session) -> dict[str, Any]:
    return {
        "id": str(session.pk),
        "title": session.title,
        "language": session.language,
        "status": session.status,
        "role": getattr(session, "role"),  # noqa: B009  # an annotation of the selector
        "expires_at": stamp(session.expires_at),
        "last_seq": session.last_seq,
    }


def _member(member: Member) -> dict[str, str]:
    name = str(member.user)
    initials = "".join(word[0] for word in name.split()[:2]).upper() or "?"
    return {"name": name, "role": member.role, "initials": initials}


def _suggestion(request: HttpRequest) -> dict[str, str] | None:
    sample = find_sample(request.GET.get("sample", ""))
    return {"instruction": sample.instruction, "intent": sample.intent.value} if sample else None
