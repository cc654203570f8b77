"""Drafts, and how they become versions: published under a semantic number, compared, restored, rolled back.

A version never changes. A draft is saved whole, and only by somebody who has seen the one before.
"""

from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from semver import Version

from graphs_app import selectors, snapshots
from graphs_app.engine import validate
from graphs_app.engine.registry import REGISTRY
from graphs_app.errors import (
    InvalidGraph,
    InvalidVersionNumber,
    NothingToPublish,
    SnapshotNotFound,
    StaleDraft,
    VersioningOff,
    VersionTaken,
)
from graphs_app.jsontext import storable
from graphs_app.models import Graph, GraphDraft, GraphVersion
from graphs_app.quotas import hold_graph_bytes, size_of
from graphs_app.services import graphs
from sessions_app.crdt.kinds import GRAPH
from sessions_app.errors import FieldProblem
from sessions_app.models import Document, Session, SessionStatus, User
from sessions_app.services import sessions

UNFIT = frozenset(
    (
        "not_an_object",
        "too_many_nodes",
        "too_many_edges",
        "definition_too_large",
        "nested_too_deep",
        "not_text",
        "not_a_number",
    )
)
"""What not even a draft may be; everything else a person may mend later."""


def save_draft(*, user: User, graph: Graph, definition: Any, revision: int | None = None) -> GraphDraft:
    """Keeps what is drawn, broken or not. Raises StaleDraft when the draft is no longer the revision that was seen."""
    graphs.require_editor(user, graph)
    _require_fit(definition)
    kept = storable(definition)
    with transaction.atomic():
        locked = Graph.objects.select_for_update().get(pk=graph.pk)
        draft, _ = GraphDraft.objects.get_or_create(graph=locked)
        _require_seen(draft, revision)
        if draft.definition is None:
            draft.base_version = locked.version
        hold_graph_bytes(locked, size_of(kept) - size_of(draft.definition))
        draft.definition = kept
        draft.revision += 1
        draft.updated_by = user
        draft.updated_at = timezone.now()
        draft.save()
        return draft


def open_session(*, user: User, graph: Graph) -> Session:
    """The session in which a graph is drawn together: the one there is, else a new one, whose owner is the graph's."""
    graphs.require_own(user, graph)
    with transaction.atomic():
        locked = Graph.objects.select_for_update().get(pk=graph.pk)
        draft, _ = GraphDraft.objects.select_related("session").get_or_create(graph=locked)
        if draft.session is not None and draft.session.status == SessionStatus.ACTIVE:
            return draft.session
        session = sessions.create(user=user, title=graph.name, language="json")
        # Nobody can have opened it: its document is one of maps from its first update on.
        Document.objects.filter(session=session).update(kind=GRAPH.name)
        draft.session = session
        draft.save(update_fields=["session"])
        return session


def discard_draft(*, user: User, graph: Graph) -> None:
    """Forgets what was drawn since the current version."""
    graphs.require_editor(user, graph)
    _empty(graph)


def _empty(graph: Graph) -> None:
    """The row and its revision stay, so that who saw an older draft cannot take the next one for it."""
    with transaction.atomic():
        Graph.objects.select_for_update().get(pk=graph.pk)  # first, as whoever saves does
        drafts = GraphDraft.objects.filter(graph=graph)
        for draft in drafts:
            hold_graph_bytes(graph, -size_of(draft.definition))
        drafts.update(definition=None, revision=F("revision") + 1, updated_at=timezone.now())


def publish_draft(
    *,
    user: User,
    graph: Graph,
    number: str | None = None,
    note: str = "",
    title: str = "",
    revision: int | None = None,
) -> GraphVersion:
    """Makes the draft the current version. Raises InvalidGraph, StaleDraft, NothingToPublish, VersionTaken."""
    graphs.require_editor(user, graph)
    with transaction.atomic():
        locked = Graph.objects.select_for_update().get(pk=graph.pk)
        draft = selectors.draft_of(locked)
        if draft is None:
            raise NothingToPublish(f"Graph {graph.slug!r} has no draft; save what is to be published first.")
        _require_seen(draft, revision)
        checked = graphs.checked_definition(draft.definition, user)
        current = graphs.current_version(locked)
        if current is not None and current.digest == snapshots.digest(checked):
            raise NothingToPublish(f"The draft of graph {graph.slug!r} is the same as version {current.semver}.")
        semver = None if number is None else _checked_semver(locked, number)
        _empty(locked)  # first: its bytes become the version's
        return graphs.write_version(graph=locked, definition=checked, user=user, semver=semver, note=note, title=title)


def restore_version(*, user: User, graph: Graph, number: int) -> GraphDraft:
    """Makes an old version the draft, to look at and change before it is published."""
    graphs.require_editor(user, graph)
    version = selectors.version_of(graph, number)
    return save_draft(user=user, graph=graph, definition=version.definition)


def roll_back(
    *, user: User, graph: Graph, number: int | None = None, snapshot_id: str | None = None, note: str = ""
) -> GraphVersion:
    """Makes an old version (the one before the current, if none is named) current again, as a new version at once.

    With it comes its snapshot: runs use its prompts and sub-graphs, not those in production, until another version is
    published. A draft stays as it is. Raises NothingToPublish when all of it is as it is now, GraphNotFound,
    SnapshotNotFound, InvalidGraph, VersioningOff.
    """
    graphs.require_editor(user, graph)
    _require_versioning()
    with transaction.atomic():
        locked = Graph.objects.select_for_update().get(pk=graph.pk)
        wanted = _wanted(locked, number, snapshot_id)
        current = graphs.current_version(locked)
        if current is not None and _is_in_force(current, wanted):
            raise NothingToPublish(f"Version {wanted.number} of graph {graph.slug!r} is what is current.")
        checked = graphs.checked_definition(wanted.definition, user)
        highest = graphs.highest_semver(locked)
        return graphs.write_version(
            graph=locked,
            definition=checked,
            user=user,
            semver=str(highest.bump_patch()) if highest else None,
            note=note or _rolled_back(wanted),
            restored_from=wanted.number,
            snapshot=wanted.snapshot or None,
        )


def _wanted(graph: Graph, number: int | None, snapshot_id: str | None) -> GraphVersion:
    if snapshot_id is None:
        return selectors.version_of(graph, graph.version - 1 if number is None else number)
    kept = GraphVersion.objects.filter(graph=graph, snapshot__sha256=snapshot_id).order_by("-number")
    found = kept.select_related("graph").first()
    if found is None:
        raise SnapshotNotFound(f"No version of graph {graph.slug!r} has the snapshot {snapshot_id!r:.80}.")
    return found


def _is_in_force(current: GraphVersion, wanted: GraphVersion) -> bool:
    """Whether runs of today are as they would be after a rollback."""
    if current.digest != wanted.digest:
        return False
    if not wanted.snapshot:
        return True
    in_force = current.snapshot if current.restored_from is not None else graphs.snapshot_now(current.definition)
    return snapshots.besides_code(in_force) == snapshots.besides_code(wanted.snapshot)


def _rolled_back(wanted: GraphVersion) -> str:
    told = f"Rolled back to version {wanted.semver or wanted.number}."
    changed = snapshots.changed_tools(wanted.snapshot)
    return f"{told} The code of these tools has changed since: {', '.join(changed)}." if changed else told


def name_version(*, user: User, graph: Graph, number: int, title: str | None, note: str | None) -> GraphVersion:
    """What a version is called, and its note: all of it that may be changed later."""
    graphs.require_editor(user, graph)
    version = selectors.version_of(graph, number)
    given = {"title": title, "note": note}
    changed = {key: value for key, value in given.items() if value is not None}
    GraphVersion.objects.filter(pk=version.pk).update(**changed)
    return selectors.version_of(graph, number)


def snapshot_file(version: GraphVersion) -> dict[str, Any]:
    """What is downloaded of a version: its snapshot with its name and number."""
    _require_versioning()
    return {
        "graph": version.graph.slug,
        "version": version.number,
        "semver": version.semver,
        "title": version.title,
        "note": version.note,
        "created_at": version.created_at,
        **(version.snapshot or {"v": 1, "definition": version.definition}),
    }


def _require_versioning() -> None:
    if not settings.VERSIONING_ENABLED:
        raise VersioningOff


def compare_with(*, graph: Graph, old: int, new: int | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The definitions of two versions; when no second one is named, that of the draft, else of the current version."""
    return selectors.version_of(graph, old).definition, (
        selectors.draft_or_current(graph) if new is None else selectors.version_of(graph, new).definition
    )


def suggested_semver(graph: Graph, definition: dict[str, Any]) -> str:
    """The number under which a definition would be published."""
    return graphs.next_semver(graph, graphs.current_version(graph), definition)


def _require_fit(definition: Any) -> None:
    unfit = [one for one in validate.problems(definition, REGISTRY) if one.code in UNFIT]
    if unfit:
        errors = [FieldProblem(pointer=one.pointer, code=one.code, message=one.message) for one in unfit]
        raise InvalidGraph(f"The draft cannot be kept: {unfit[0].message}", errors=errors)


def _require_seen(draft: GraphDraft, revision: int | None) -> None:
    if revision is None or revision == draft.revision:
        return
    found = "it was published or discarded" if draft.definition is None else f"it is at revision {draft.revision}"
    raise StaleDraft(
        f"The draft was changed since revision {revision}: {found}. Load it again, and make your change to that.",
        extra={"revision": draft.revision},
    )


def _checked_semver(graph: Graph, number: str) -> str:
    try:
        wanted = Version.parse(number)
    except ValueError as error:
        raise InvalidVersionNumber(f"{number!r:.100} is no semantic version; expected one such as '1.2.0'.") from error
    if len(number) > graphs.MOST_SEMVER:
        raise InvalidVersionNumber(
            f"A version's number has at most {graphs.MOST_SEMVER} characters, not {len(number)}."
        )
    if GraphVersion.objects.filter(graph=graph, semver=number).exists():
        raise VersionTaken(f"Graph {graph.slug!r} has a version {number!r} already; take a higher number.")
    highest = graphs.highest_semver(graph)
    if highest is not None and wanted <= highest:
        raise InvalidVersionNumber(f"Version {number!r} does not come after {str(highest)!r}, the highest there is.")
    return number
