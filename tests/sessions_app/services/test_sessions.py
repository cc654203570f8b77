from datetime import timedelta

import pytest

from sessions_app import errors
from sessions_app.models import Session, SessionStatus
from sessions_app.services import lifetimes, sessions
from tests.sessions_app.conftest import NOON, Cast, after


def test_who_creates_a_session_owns_it_and_its_document_is_there(cast: Cast) -> None:
    assert cast.session.members.get(user=cast.ana).role == "owner"
    assert (cast.document.text, cast.document.revision) == ("one\n", 1)
    assert cast.types() == ["member.joined"]


def test_an_empty_session_begins_at_revision_zero(cast: Cast) -> None:
    assert sessions.create(user=cast.eve).documents.get().revision == 0


def test_a_title_is_one_line_without_control_characters(cast: Cast) -> None:
    session = sessions.create(user=cast.ana, title="  a\r\nb\x1b[31m\u2028c ")
    assert session.title == "a b [31m c"


@pytest.mark.parametrize("hidden", "\u202e\u2066\u200b\u00ad\ufeff\u3164")
def test_a_title_that_hides_something_is_refused_with_the_character_and_its_place(cast: Cast, hidden: str) -> None:
    with pytest.raises(errors.HiddenCharacter) as refused:
        sessions.create(user=cast.ana, title=f"Pay{hidden}roll")
    assert f"U+{ord(hidden):04X}" in refused.value.message
    assert refused.value.extra == {"position": 3}


@pytest.mark.parametrize("title", ["דוח 👩‍👩‍👧", "می‌خواهم", "naïve ❤️"])
def test_a_title_in_any_script_and_with_emoji_is_kept(cast: Cast, title: str) -> None:
    assert sessions.create(user=cast.ana, title=title).title == title


@pytest.mark.parametrize("language", ["", " ", "x" * 41, "<script>", "a/b"])
def test_a_language_that_is_no_name_is_refused(cast: Cast, language: str) -> None:
    with pytest.raises(errors.InvalidField):
        sessions.create(user=cast.ana, language=language)


@pytest.mark.parametrize("language", ["python", "C++", "c#", "objective-c", "klingon"])
def test_a_language_that_nobody_knows_is_still_a_language(cast: Cast, language: str) -> None:
    assert sessions.create(user=cast.ana, language=language).language == language.lower()


def test_a_viewer_and_an_editor_cannot_rename_a_session(cast: Cast) -> None:
    for user in (cast.vic, cast.ben):
        with pytest.raises(errors.NotAllowed):
            sessions.change(user=user, session_id=cast.session.pk, title="Mine")
    with pytest.raises(errors.NotFound):
        sessions.change(user=cast.eve, session_id=cast.session.pk, title="Mine")
    sessions.change(user=cast.ana, session_id=cast.session.pk, title="Lexers")
    cast.session.refresh_from_db()
    assert (cast.session.title, cast.session.language) == ("Lexers", "text")
    assert cast.session.events.get(type="session.changed").data == {"title": "Lexers", "language": "text"}


def test_a_session_ends_by_idleness_or_at_its_longest(cast_at_noon: Cast) -> None:
    session = cast_at_noon.session
    assert session.expires_at == after(hours=2)
    sessions.touch(session=session, now=after(days=6, hours=23))
    session.refresh_from_db()
    assert session.expires_at == after(days=7)


def test_activity_is_noted_at_most_twice_a_minute(cast_at_noon: Cast) -> None:
    session = cast_at_noon.session
    assert not sessions.touch(session=session, now=after(seconds=29))
    assert sessions.touch(session=session, now=after(seconds=31))
    session.refresh_from_db()
    assert session.last_active_at == after(seconds=31)


def test_activity_on_an_old_reading_of_the_session_moves_nothing_back(cast_at_noon: Cast) -> None:
    stale = Session.objects.get(pk=cast_at_noon.session.pk)
    sessions.extend(user=cast_at_noon.ana, session_id=stale.pk, now=after(hours=1))
    assert not sessions.touch(session=stale, now=after(hours=1, minutes=1))
    assert Session.objects.get(pk=stale.pk).lifetime_from == after(hours=1)


def test_extending_gives_the_whole_lifetime_again(cast_at_noon: Cast) -> None:
    extended = sessions.extend(user=cast_at_noon.ana, session_id=cast_at_noon.session.pk, now=after(hours=1))
    assert extended.expires_at == after(hours=3)
    assert extended.lifetime_from == after(hours=1)
    with pytest.raises(errors.NotAllowed):
        sessions.extend(user=cast_at_noon.ben, session_id=extended.pk)


def test_only_its_owner_reopens_an_expired_session(cast_at_noon: Cast) -> None:
    cast = cast_at_noon
    with pytest.raises(errors.SessionNotExpired):
        sessions.reopen(user=cast.ana, session_id=cast.session.pk)
    lifetimes.expire(now=after(hours=3))
    for refused in (sessions.extend, sessions.change):
        with pytest.raises(errors.SessionExpired):
            refused(user=cast.ana, session_id=cast.session.pk)
    with pytest.raises(errors.NotAllowed):
        sessions.reopen(user=cast.ben, session_id=cast.session.pk)
    reopened = sessions.reopen(user=cast.ana, session_id=cast.session.pk, now=after(hours=4))
    assert (reopened.status, reopened.expired_at) == (SessionStatus.ACTIVE, None)
    assert reopened.expires_at - NOON == timedelta(hours=6)
    assert cast.types()[-2:] == ["session.expired", "session.reopened"]


def test_only_the_owner_deletes_a_session_with_everything_under_it(cast: Cast) -> None:
    with pytest.raises(errors.NotAllowed):
        sessions.delete(user=cast.ben, session_id=cast.session.pk)
    sessions.delete(user=cast.ana, session_id=cast.session.pk)
    assert not Session.objects.exists()
    with pytest.raises(errors.NotFound):
        sessions.delete(user=cast.ana, session_id=cast.session.pk)
