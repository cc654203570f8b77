"""Requests: what a person asks for becomes a run on the document as it is now, with all that was said before."""

from dataclasses import replace
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from django.db import transaction

from graphs_app.errors import GraphNotFound
from graphs_app.selectors import drawn_in, only_graph_of
from graphs_app.selectors import graph_for as graph_of
from graphs_app.services import runs
from refine_app.errors import (
    EmptyDocument,
    GraphNeeded,
    GraphNotExpected,
    InstructionEmpty,
    InstructionTooLong,
    ParentElsewhere,
    UnknownIntent,
)
from refine_app.models import Intent, Request
from refine_app.routing import WITHOUT_TEXT, IntentName, Route, choose_intent
from refine_app.services import endpoints
from refine_app.services.history import session_history
from refine_app.tools.languages import LANGUAGES, detect_language
from sessions_app.crdt.kinds import KINDS
from sessions_app.errors import NoText
from sessions_app.models import Document, Session, User, new_id
from sessions_app.permissions import Action, require, require_active
from sessions_app.services import documents, sessions, texts
from sessions_app.services.locks import lock_document_of

AUTO = "auto"
ASKABLE = (AUTO, *Intent.values)
GRAPHS = {
    Intent.REFINE_CODE: "refine_code",
    Intent.CODE_REVIEW: "code_review",
    Intent.REFINE_PROMPT: "prompt_refinement",
    Intent.BUILD: "build",
    Intent.ASK: "ask",
    Intent.REDESIGN_GRAPH: "redesign_graph",
}
"""Which built-in graph serves an intent."""
CHOOSING = "intent"
"""The graph that finds out what an open request asks for, with a model, and hands it over to one of the others."""
ASKED_FOR = "asked for"
OPEN_REASON = "the words leave it open, so a model is asked"
INSTRUCTION_MAX = 10_000


def make_request(
    *,
    user: User,
    session_id: UUID,
    intent: str,
    instruction: str,
    parent_id: UUID | None = None,
    graph: str | None = None,
    now: datetime,
) -> Request:
    """Keeps the document's revision and starts a run on it, both in the transaction of the request.

    Raises NotFound, NotAllowed or SessionExpired; InstructionEmpty, InstructionTooLong, InvalidText, UnknownIntent,
    GraphNotExpected, GraphNeeded, GraphNotFound, ParentElsewhere or EmptyDocument. Nothing is stored then.
    """
    require(user, session_id, Action.EDIT)
    instruction = _checked_instruction(instruction)
    if intent not in ASKABLE:
        raise UnknownIntent(intent, ASKABLE)
    if graph and intent not in (AUTO, Intent.REDESIGN_GRAPH):
        raise GraphNotExpected(graph=graph, intent=intent)
    named = graph_of(user, graph).slug if graph else None
    with transaction.atomic():
        document = lock_document_of(session_id)
        session = document.session
        require_active(session, Action.EDIT)
        parent = _find_parent(session, parent_id)
        drawn = named or (_drawn_in(user, session_id) if intent in (AUTO, Intent.REDESIGN_GRAPH) else None)
        route = _route(intent, instruction, document, named=named, has_graph=drawn is not None)
        chosen = Intent(route.intent) if route.is_clear else AUTO
        request = _start(
            Request(
                id=new_id(),
                session=session,
                user=user,
                intent=chosen,
                routing_reason=route.reason,
                instruction=instruction,
                parent=parent,
                document=document,
                base_revision=documents.keep_locked_revision(document).number,
                created_at=now,
            ),
            graph=_graph_to_redesign(user, session_id, drawn) if chosen == Intent.REDESIGN_GRAPH else drawn,
            now=now,
        )
        sessions.touch(session=session, now=now)
    return request


def _checked_instruction(instruction: str) -> str:
    text = instruction.strip()
    if not text:
        raise InstructionEmpty()
    if len(text) > INSTRUCTION_MAX:
        raise InstructionTooLong(length=len(text), limit=INSTRUCTION_MAX)
    texts.check(text, pointer="/instruction")
    return text


def _find_parent(session: Session, parent_id: UUID | None) -> Request | None:
    if parent_id is None:
        return None
    parent = Request.objects.filter(pk=parent_id, session=session).first()
    if parent is None:
        raise ParentElsewhere(parent=parent_id, session=session.pk)
    return parent


def graph_for(*, intent: str, instruction: str, language: str, is_empty: bool) -> str:
    """The graph that a request would run, as far as its words tell. Raises UnknownIntent."""
    if intent not in ASKABLE:
        raise UnknownIntent(intent, ASKABLE)
    if intent == AUTO:
        intent = choose_intent(instruction, language, is_empty=is_empty).intent
    return GRAPHS[Intent(intent)]


def _route(intent: str, instruction: str, document: Document, *, named: str | None, has_graph: bool) -> Route:
    """The intent and why; not clear where the words leave it open and a model can be asked. Raises EmptyDocument."""
    is_empty = not document.text.strip("\ufeff \t\r\n\f\v")
    if intent != AUTO:
        route = Route(cast(IntentName, intent), ASKED_FOR)
    elif named is not None:
        route = Route("redesign_graph", f"the graph {named!r} is named, and only a redesign takes one")
    else:
        language = routing_language(document.session, document.text)
        follows = _newest_intent(document.session_id)
        route = choose_intent(instruction, language, is_empty=is_empty, has_graph=has_graph, follows=follows)
        if not route.is_clear and endpoints.is_one_callable():
            return Route(route.intent, OPEN_REASON, is_clear=False)
    if KINDS[document.kind].text_root is None and route.intent == "build":
        raise NoText()
    if is_empty and route.intent not in WITHOUT_TEXT:
        raise EmptyDocument(document.session_id)
    return replace(route, is_clear=True)


def _newest_intent(session_id: UUID) -> str:
    """Of what was asked last in the session; empty where nothing was."""
    newest = Request.objects.filter(session=session_id).order_by("-created_at", "-id")
    return newest.values_list("intent", flat=True).first() or ""


def _drawn_in(user: User, session_id: UUID) -> str | None:
    """The slug of the graph that is drawn in the session; None where the person cannot see it."""
    drawn = drawn_in(session_id)
    try:
        return None if drawn is None else graph_of(user, drawn).slug
    except GraphNotFound:
        return None


def _graph_to_redesign(user: User, session_id: UUID, drawn: str | None) -> str:
    """The graph that is named or drawn in the session, else the person's only one. Raises GraphNeeded."""
    slug = drawn or only_graph_of(user)
    if slug is None:
        raise GraphNeeded(session_id)
    return slug


def _start(request: Request, *, graph: str | None, now: datetime) -> Request:
    """Starts the request's run, and stores the request."""
    document = request.document
    request.run = runs.start_run(
        user=request.user,
        graph=CHOOSING if request.intent == AUTO else GRAPHS[Intent(request.intent)],
        session_id=request.session_id,
        initial_state=_initial_state(request, document) | ({"graph": graph} if graph else {}),
        metadata=_metadata(request),
        is_permitted=True,  # make_request() has asked first of all
        now=now,
    )
    request.save(force_insert=True)
    return request


def _initial_state(request: Request, document: Document) -> dict[str, Any]:
    return {
        "code": document.text,
        "instruction": request.instruction,
        "language": language_of(request.session, document.text),
        "history": session_history(session_id=request.session_id, parent_id=request.parent_id),
        "base_revision": request.base_revision,
        "document": str(document.pk),
    }


def language_of(session: Session, text: str) -> str:
    """As the session says; of one that names none, what its title tells as a file's name, or else its text."""
    return detect_language(text, declared=session.language, filename=session.title)


def routing_language(session: Session, text: str) -> str:
    """What words are understood by: a prompt in a document that only looks like settings is a prompt still."""
    language = language_of(session, text)
    return language if language in LANGUAGES else session.language


def _metadata(request: Request) -> dict[str, Any]:
    """What tools and events are told of the request that a run serves."""
    return {
        "request": str(request.pk),
        "intent": request.intent,
        "instruction": request.instruction,
        "parent": str(request.parent_id) if request.parent_id else None,
        "document": str(request.document_id),
        "base_revision": request.base_revision,
        "language": request.session.language,
        "routing_reason": request.routing_reason,
        "by": str(request.user),
        "by_id": str(request.user_id),
    }
