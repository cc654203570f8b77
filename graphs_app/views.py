"""Pages of graphs: the list with its gallery, the canvas with its outline, versions, and one run as it went."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db.models import Count, OuterRef, Q, Subquery
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from graphs_app import selectors
from graphs_app.engine.registry import REGISTRY
from graphs_app.errors import GraphNotFound, RunNotFound
from graphs_app.exchange import folder
from graphs_app.models import Graph, GraphDraft, GraphVersion, Run
from graphs_app.services import exchange, graphs, layouts
from sessions_app.errors import DomainError
from sessions_app.models import SessionStatus, User
from sessions_app.page_modules import modules_of
from sessions_app.permissions import role_of

BLANK: dict[str, Any] = {
    "v": 1,
    "name": "New graph",
    "entry_node": "start",
    "nodes": [{"node_id": "start", "tool": "set_state", "config": {"values": {}}}],
    "edges": [],
}
VERSIONS_SHOWN = 200


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)  # noqa: S101 - login_required has made sure
    return request.user


@login_required
@require_safe
def graph_list(request: HttpRequest) -> HttpResponse:
    """The person's graphs, and those that come with the site, to open as a copy."""
    return _list(request)


@require_safe
def to_graph_list(request: HttpRequest) -> HttpResponse:
    """Where a browser looks for the list; /graphs/… belongs to programs, which find nothing here."""
    if "text/html" not in request.headers.get("Accept", ""):
        raise Http404
    return HttpResponseRedirect(reverse("graphs-page"))


def _list(request: HttpRequest, draft: dict[str, str] | None = None, status: int = 200) -> HttpResponse:
    user = _person(request)
    last = Run.objects.filter(graph_version__graph=OuterRef("pk"), parent=None).order_by("-created_at", "-id")
    semver = GraphVersion.objects.filter(graph=OuterRef("pk"), number=OuterRef("version"))
    shown = selectors.graphs_for(user).annotate(
        last_run_status=Subquery(last.values("status")[:1]),
        last_run=Subquery(last.values("pk")[:1]),
        semver=Subquery(semver.values("semver")[:1]),
        runs=Count("graph_versions__runs", filter=Q(graph_versions__runs__parent=None)),
    )
    context = {
        "mine": shown.filter(built_in=False).select_related("draft").order_by("-updated_at", "-id"),
        "gallery": [_template(graph) for graph in shown.filter(built_in=True).order_by("name")],
        "draft": draft or {},
    }
    return render(request, "graphs_app/graph_list.html", context, status=status)


def _template(graph: Graph) -> dict[str, Any]:
    definition = selectors.current_definition(graph)
    nodes = definition["nodes"]
    return {
        "graph": graph,
        "description": definition.get("description") or "",
        "count": len(nodes),
        "tools": sorted({str(node["tool"]) for node in nodes})[:4],
    }


@login_required
@require_POST
def create_graph(request: HttpRequest) -> HttpResponse:
    """A blank graph, a copy of one that the person can see, or one from a file."""
    user = _person(request)
    try:
        graph = _created(request, user)
    except DomainError as error:
        for problem in error.errors[:5] or [{"pointer": "", "message": error.message, "code": ""}]:
            messages.error(request, f"{problem['pointer']} {problem['message']}".strip())
        return _list(request, {"text": request.POST.get("text", "")}, status=422)
    except UnicodeDecodeError:
        messages.error(request, "The file is not UTF-8 text; choose another.")
        return _list(request, status=422)
    return HttpResponseRedirect(reverse("graph-page", args=[graph.slug]))


def _created(request: HttpRequest, user: User) -> Graph:
    name = request.POST.get("name", "").strip()
    chosen = request.FILES.get("file")
    if chosen is not None and chosen.size:
        content = chosen.read()
        if content.startswith(folder.ZIP):
            return exchange.import_files(user=user, content=content, name=name)
        return exchange.import_graph(user=user, text=content.decode("utf-8"), name=name)
    if request.POST.get("text", "").strip():
        return exchange.import_graph(user=user, text=request.POST["text"], name=name)
    if request.POST.get("copy_of"):
        source = selectors.current_definition(selectors.graph_for(user, request.POST["copy_of"]))
        return graphs.create_graph(user=user, definition={**source, "name": name or source.get("name") or "Graph"})
    return graphs.create_graph(user=user, definition={**BLANK, "name": name or BLANK["name"]})


def _seen(request: HttpRequest, key: str) -> Graph:
    try:
        return selectors.graph_for(_person(request), key)
    except GraphNotFound as error:
        raise Http404(str(error)) from error


@login_required
@require_safe
def graph_page(request: HttpRequest, key: str) -> HttpResponse:
    """The canvas and its outline."""
    graph = _seen(request, key)
    draft, definition = selectors.drawn_now(graph)
    base = graph.version if draft is None else draft.base_version
    data = {
        "graph": _graph(graph),
        "definition": definition,
        "layout": layouts.layout_after(graph, base, definition),
        "revision": selectors.draft_revision(graph),
        "is_draft": draft is not None,
        "tools": [_tool(tool.name) for tool in REGISTRY],
        "session": _session(_person(request), graph),
    }
    modules = modules_of("js/pages/graph.js")
    return render(request, "graphs_app/graph.html", {"graph": graph, "data": data, "modules": modules})


def _session(user: User, graph: Graph) -> dict[str, Any] | None:
    """Where the graph is drawn together, while that lasts, and what this person may do there."""
    draft = (
        GraphDraft.objects.filter(graph=graph, session__status=SessionStatus.ACTIVE).select_related("session").first()
    )
    role = role_of(user, draft.session) if draft and draft.session else None
    if draft is None or role is None:
        return None
    seq = draft.session.last_seq if draft.session else 0
    return {
        "id": str(draft.session_id),
        "role": role.value,
        "seeds": graph.created_by_id == user.pk,
        "last_seq": seq,
    }


def _graph(graph: Graph) -> dict[str, Any]:
    current = graphs.current_version(graph)
    return {
        "id": str(graph.pk),
        "slug": graph.slug,
        "name": graph.name,
        "version": graph.version,
        "semver": current.semver if current else "",
        "built_in": graph.built_in,
    }


def _tool(name: str) -> dict[str, Any]:
    tool = REGISTRY.get(name)
    return {
        "name": tool.name,
        "description": tool.description,
        "config": tool.config,
        "inputs": sorted(tool.inputs.get("properties", {})),
        "outputs": sorted(tool.outputs.get("properties", {})),
    }


@login_required
@require_safe
def versions_page(request: HttpRequest, key: str) -> HttpResponse:
    """What was published, and what differs between any two."""
    graph = _seen(request, key)
    versions = list(
        graph.graph_versions.select_related("created_by")
        .annotate(run_count=Count("runs"))
        .order_by("-number")[:VERSIONS_SHOWN]
    )
    context = {
        "graph": graph,
        "versions": versions,
        "modules": modules_of("js/pages/versions.js"),
        "has_draft": selectors.draft_of(graph) is not None,
        "data": {"graph": _graph(graph), "versions": [_version(version) for version in versions]},
    }
    return render(request, "graphs_app/versions.html", context)


def _version(version: GraphVersion) -> dict[str, Any]:
    return {"version": version.number, "semver": version.semver, "title": version.title}


@login_required
@require_safe
def run_page(request: HttpRequest, run_id: UUID) -> HttpResponse:
    """A run on the graph version that it ran with."""
    try:
        run = selectors.run_for(_person(request), run_id)
    except RunNotFound as error:
        raise Http404(str(error)) from error
    version = run.graph_version
    context = {
        "run": run,
        "modules": modules_of("js/pages/run.js"),
        "graph": version.graph,
        "data": {
            "run": str(run.pk),
            "session": str(run.session_id) if run.session_id else None,
            "graph": _graph(version.graph),
            "version": {**_version(version), "current": version.graph.version},
            "definition": version.definition,
            "layout": layouts.layout_of(version),
        },
    }
    return render(request, "graphs_app/run.html", context)
