"""The order in which rows are locked, so that no two deadlock: runs by their ids, their session, what is under it."""

from uuid import UUID

from sessions_app import update_log
from sessions_app.errors import NotFound
from sessions_app.models import Document, Session


def lock_session(session_id: UUID) -> Session:
    """The session's row, locked until the caller's transaction ends."""
    session = Session.objects.select_for_update().filter(pk=session_id).first()
    if session is None:
        raise NotFound("session", session_id)
    return session


def lock_document(document: Document) -> Document:
    """The document as it is now, with its session's row and its own locked."""
    session = lock_session(document.session_id)
    locked = Document.objects.select_for_update().filter(pk=document.pk).first()
    if locked is None:
        raise NotFound("document", document.pk)
    return _with_text(locked, session)


def lock_document_of(session_id: UUID) -> Document:
    """The session's document as it is now, locked in the same way."""
    session = lock_session(session_id)
    locked = Document.objects.select_for_update().filter(session=session).order_by("id").first()
    if locked is None:
        raise NotFound("document of session", session_id)
    return _with_text(locked, session)


def _with_text(locked: Document, session: Session) -> Document:
    locked.session = session
    locked.text = update_log.text_at(locked)
    return locked
