import pytest
from django.db import connection
from django.test import override_settings

from sessions_app import errors, selectors, update_log
from sessions_app.crdt import edits
from sessions_app.models import Revision, Session, SessionStatus
from sessions_app.services import documents
from tests.sessions_app.conftest import Cast, after, make_cast


def test_a_saved_text_is_a_new_revision_and_an_event(cast: Cast) -> None:
    saved = documents.replace_text(user=cast.ben, session_id=cast.session.pk, text="two\n", revision=1)
    assert (saved.text, saved.revision) == ("two\n", 2)
    event = cast.session.events.get(type="document.saved")
    assert event.data == {
        "document": str(saved.pk),
        "revision": 2,
        "length": 4,
        "by": "Ben",
        "by_id": str(cast.ben.pk),
        "origin": "edit",
    }


def test_a_stale_revision_is_refused_with_the_current_one(cast: Cast) -> None:
    documents.replace_text(user=cast.ben, session_id=cast.session.pk, text="two\n", revision=1)
    with pytest.raises(errors.StaleRevision) as raised:
        documents.replace_text(user=cast.ana, session_id=cast.session.pk, text="mine\n", revision=1)
    assert raised.value.extra == {"revision": 2}
    assert cast.document.text == "two\n"


def test_the_same_text_again_is_no_new_revision(cast: Cast) -> None:
    saved = documents.replace_text(user=cast.ben, session_id=cast.session.pk, text="one\n", revision=1)
    assert saved.revision == 1
    assert "document.saved" not in cast.types()


@pytest.mark.parametrize(
    "text",
    ["", "a\r\nb\r\n", "\ufeffa\n", "a\rb", "\u2028\x0b\x7f", "\U0001f600", "no end", "x" * 10_000 + "\n"],
    ids=["empty", "crlf", "bom", "cr", "separators", "emoji", "no newline", "long line"],
)
def test_a_text_is_kept_as_it_came(cast: Cast, text: str) -> None:
    documents.replace_text(user=cast.ana, session_id=cast.session.pk, text=text)
    assert cast.document.text == text


@pytest.mark.parametrize(("text", "position", "name"), [("ab\0c", 2, "NUL"), ("a\ud83d", 1, "U+D83D")])
def test_what_no_database_keeps_is_refused_with_its_position(cast: Cast, text: str, position: int, name: str) -> None:
    with pytest.raises(errors.InvalidText, match=f"{name.replace('+', '.')}.*position {position}"):
        documents.replace_text(user=cast.ana, session_id=cast.session.pk, text=text)
    assert cast.document.text == "one\n"


@override_settings(DOCUMENT_MAX_BYTES=10)
def test_a_text_over_the_limit_in_bytes_is_refused_with_the_limit(cast: Cast) -> None:
    documents.replace_text(user=cast.ana, session_id=cast.session.pk, text="ä" * 5)
    with pytest.raises(errors.TooLarge) as raised:
        documents.replace_text(user=cast.ana, session_id=cast.session.pk, text="ä" * 6)
    assert raised.value.extra == {"limit": 10}


def test_a_viewer_cannot_write_and_a_stranger_sees_nothing(cast: Cast) -> None:
    with pytest.raises(errors.NotAllowed):
        documents.replace_text(user=cast.vic, session_id=cast.session.pk, text="x")
    with pytest.raises(errors.NotFound):
        documents.read(user=cast.eve, session_id=cast.session.pk)
    assert documents.read(user=cast.vic, session_id=cast.session.pk).text == "one\n"


def test_an_expired_session_keeps_its_text(cast: Cast) -> None:
    Session.objects.filter(pk=cast.session.pk).update(status=SessionStatus.EXPIRED)
    with pytest.raises(errors.SessionExpired):
        documents.replace_text(user=cast.ana, session_id=cast.session.pk, text="x")
    assert documents.read(user=cast.ana, session_id=cast.session.pk).text == "one\n"


def test_a_change_is_computed_from_the_text_as_it_is_now(cast: Cast) -> None:
    documents.replace_text(user=cast.ben, session_id=cast.session.pk, text="two\n")
    changed = documents.change_text(
        user=cast.ana,
        document_id=cast.document.pk,
        transform=lambda text: text + "three\n",
        origin={"kind": "proposal", "proposal": "p", "hunks": [1]},
        by="refine_code via Ana",
    )
    assert changed.text == "two\nthree\n"
    event = cast.session.events.order_by("seq").last()
    assert event is not None
    assert (event.data["by"], event.data["origin"]) == ("refine_code via Ana", "proposal")


def test_a_change_that_fails_leaves_everything_as_it_was(cast: Cast) -> None:
    def fails(text: str) -> str:
        raise LookupError("no longer fits")

    with pytest.raises(LookupError):
        documents.change_text(user=cast.ana, document_id=cast.document.pk, transform=fails, origin={"kind": "x"})
    assert cast.document.revision == 1


def numbers(cast: Cast) -> list[int]:
    return list(Revision.objects.order_by("number").values_list("number", flat=True))


def test_one_persons_saves_within_a_minute_are_one_kept_revision(cast_at_noon: Cast) -> None:
    cast = cast_at_noon
    for second, text in ((10, "a"), (20, "b"), (65, "c"), (80, "d")):
        documents.replace_text(user=cast.ana, session_id=cast.session.pk, text=text, now=after(seconds=second))
    assert numbers(cast) == [1, 4, 5]  # what it began with, the first minute of saves, and the next


def test_somebody_elses_save_is_a_revision_of_its_own(cast_at_noon: Cast) -> None:
    cast = cast_at_noon
    for second, user in ((10, cast.ana), (20, cast.ben), (30, cast.ana)):
        documents.replace_text(user=user, session_id=cast.session.pk, text=f"text {second}", now=after(seconds=second))
    assert numbers(cast) == [1, 2, 3, 4]


def test_a_revision_that_a_request_is_based_on_is_never_written_over(cast_at_noon: Cast) -> None:
    cast = cast_at_noon
    documents.replace_text(user=cast.ana, session_id=cast.session.pk, text="base", now=after(seconds=10))
    base = documents.keep_revision(cast.document)
    documents.replace_text(user=cast.ana, session_id=cast.session.pk, text="more", now=after(seconds=11))
    assert Revision.objects.get(pk=base.pk).text == "base"
    assert numbers(cast) == [1, 2, 3]


def test_old_revisions_are_thinned_out_but_not_the_pinned(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "REVISIONS_KEPT", 3)
    documents.keep_revision(cast.document)
    for at in range(6):
        documents.replace_text(user=cast.ana, session_id=cast.session.pk, text=f"text {at}", now=after(minutes=2 * at))
    assert numbers(cast) == [1, 5, 6, 7]


def test_restoring_is_a_new_change_with_the_old_text(cast: Cast) -> None:
    documents.replace_text(user=cast.ana, session_id=cast.session.pk, text="two\n")
    restored = documents.restore(user=cast.ben, session_id=cast.session.pk, number=1)
    assert (restored.text, restored.revision) == ("one\n", 3)
    newest = selectors.revisions_of(cast.document)[0]
    assert newest.origin == {"kind": "restore", "revision": 1}
    with pytest.raises(errors.NotFound):
        documents.restore(user=cast.ben, session_id=cast.session.pk, number=99)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["replaced", "restored"])
def test_nobody_waits_while_a_long_text_is_compared(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    cast = make_cast()
    documents.replace_text(user=cast.ana, session_id=cast.session.pk, text="two\n")
    between, seen = edits.between, list[bool]()

    def meanwhile(old: str, new: str) -> list[edits.Edit]:
        seen.append(connection.in_atomic_block)
        if len(seen) == 1:  # somebody who did not wait, and so is there first
            documents.replace_text(user=cast.ben, session_id=cast.session.pk, text="between\n")
        return between(old, new)

    monkeypatch.setattr(edits, "between", meanwhile)
    if how == "replaced":
        documents.replace_text(user=cast.ana, session_id=cast.session.pk, text="three\n")
    else:
        documents.restore(user=cast.ana, session_id=cast.session.pk, number=1)
    assert seen == [False, False, True]
    assert (cast.document.text, cast.document.revision) == ("three\n" if how == "replaced" else "one\n", 4)
    assert update_log.build(update_log.load(cast.document.pk)).text() == cast.document.text
