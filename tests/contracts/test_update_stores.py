"""What every store of updates promises; `--only-database` runs the same on PostgreSQL."""

import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from sessions_app import update_line, update_log
from sessions_app.crdt import edits
from sessions_app.crdt.kinds import TEXT
from sessions_app.crdt.replica import Replica
from sessions_app.crdt.store import Batch, Entry, Loaded, NoSuchDocument, NotStored, Refusal, Stored, UpdateStore
from sessions_app.models import (
    Document,
    DocumentSnapshot,
    DocumentText,
    DocumentUpdate,
    Member,
    QuarantinedUpdate,
    Role,
    User,
)
from sessions_app.services import compaction, lifetimes
from sessions_app.update_line import Line, SqliteLine
from tests.sessions_app.conftest import Cast, make_cast

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_cast(text="")


@pytest.fixture
def store(cast: Cast) -> UpdateStore:
    return update_log.DatabaseStore()


class Typist:
    """Makes updates as an editor does, one after the other."""

    def __init__(self, client: int = 77) -> None:
        self.replica = Replica(TEXT, client=client)

    def types(self, text: str) -> bytes:
        before = self.replica.text()
        return self.replica.edit(edits.between(before, before + text))


def batch(cast: Cast, *updates: bytes, known: int = 0, user: UUID | None = None, epoch: int = 1) -> Batch:
    who = user or cast.ana.pk
    return Batch(cast.document.pk, epoch, known, [Entry(update, who) for update in updates])


def test_what_was_answered_for_is_there(cast: Cast, store: UpdateStore) -> None:
    typist = Typist()
    assert store.append([batch(cast, typist.types("a"), typist.types("b"))]) == [Stored(last=2)]
    loaded = store.load(cast.document.pk)
    assert (loaded.number, [row.number for row in loaded.updates]) == (2, [1, 2])
    assert {row.user for row in loaded.updates} == {cast.ana.pk}
    assert update_log.build(loaded).text() == "ab"
    assert cast.document.revision == 2


def test_numbers_go_on_without_holes_and_what_was_missed_is_given_back(cast: Cast, store: UpdateStore) -> None:
    typist, other = Typist(), Typist(78)
    store.append([batch(cast, typist.types("a"))])
    theirs = other.types("x")
    store.append([batch(cast, theirs, known=1, user=cast.ben.pk)])
    [outcome] = store.append([batch(cast, typist.types("b"), known=1)])
    assert isinstance(outcome, Stored)
    assert outcome.last == 3
    assert [(row.number, row.update, row.user) for row in outcome.missed] == [(2, theirs, cast.ben.pk)]
    assert [row.number for row in store.after(cast.document.pk, 1, 1)] == [2, 3]


def test_a_viewer_and_a_stranger_store_nothing(cast: Cast, store: UpdateStore) -> None:
    for user in (cast.vic, cast.eve):
        [outcome] = store.append([batch(cast, Typist().types("a"), user=user.pk)])
        assert outcome == NotStored(Refusal.NOT_ALLOWED, {user.pk})
    assert not DocumentUpdate.objects.exists()
    assert cast.document.revision == 0


def test_a_role_that_was_taken_away_a_moment_ago_counts(cast: Cast, store: UpdateStore) -> None:
    typist = Typist()
    store.append([batch(cast, typist.types("a"), user=cast.ben.pk)])
    Member.objects.filter(user=cast.ben).update(role=Role.VIEWER)
    [outcome] = store.append([batch(cast, typist.types("b"), known=1, user=cast.ben.pk)])
    assert outcome == NotStored(Refusal.NOT_ALLOWED, {cast.ben.pk})


def test_an_expired_session_stores_nothing(cast: Cast, store: UpdateStore) -> None:
    lifetimes.expire_now(session_id=cast.session.pk, now=timezone.now())
    assert store.append([batch(cast, Typist().types("a"))]) == [NotStored(Refusal.EXPIRED)]


def test_one_documents_refusal_does_not_touch_another_in_the_same_commit(cast: Cast, store: UpdateStore) -> None:
    gone = Batch(uuid4(), 1, 0, [Entry(Typist().types("x"), cast.ana.pk)])
    viewer = batch(cast, Typist(5).types("no"), user=cast.vic.pk)
    outcomes = store.append([gone, batch(cast, Typist().types("a")), viewer])
    assert outcomes[0] == NotStored(Refusal.GONE)
    assert outcomes[1] == Stored(last=1)
    assert outcomes[2] == NotStored(Refusal.NOT_ALLOWED, {cast.vic.pk})
    assert update_log.build(store.load(cast.document.pk)).text() == "a"


def test_an_update_of_an_older_epoch_is_refused(cast: Cast, store: UpdateStore) -> None:
    store.append([batch(cast, Typist().types("old"))])
    update_log.start_epoch(cast.document, Typist(9).types("anew"), now=timezone.now())
    assert store.append([batch(cast, Typist().types("a"), known=1)]) == [NotStored(Refusal.OTHER_EPOCH)]
    with pytest.raises(NoSuchDocument):
        store.after(cast.document.pk, 1, 1)
    loaded = store.load(cast.document.pk)
    assert (loaded.epoch, update_log.build(loaded).text()) == (2, "anew")
    assert update_log.text_at(cast.document, 1) == "old"


def test_a_document_that_is_gone_cannot_be_loaded(cast: Cast, store: UpdateStore) -> None:
    with pytest.raises(NoSuchDocument):
        store.load(uuid4())


def test_client_ids_are_kept_with_their_first_owner(cast: Cast, store: UpdateStore) -> None:
    document = cast.document.pk
    for user in (cast.ana.pk, cast.ben.pk):
        claimed = Batch(document, 1, 0, [Entry(Typist().types("a"), user)], {77: user})
        store.append([claimed])
    assert store.owners(document, [77, 78])[77].user == cast.ana.pk


def test_a_refused_update_is_kept_for_somebody_to_look_at(cast: Cast, store: UpdateStore) -> None:
    store.quarantine(cast.document.pk, cast.ben.pk, b"\x01\x02", "the update is malformed")
    kept = QuarantinedUpdate.objects.get()
    assert (bytes(kept.update), kept.user, kept.reason) == (b"\x01\x02", cast.ben, "the update is malformed")


def test_a_text_from_before_there_was_a_log_begins_one(cast: Cast, store: UpdateStore) -> None:
    Document.objects.filter(pk=cast.document.pk).update(revision=4)
    DocumentText.objects.create(document=cast.document, text="as it was\n", revision=4)
    loaded = store.load(cast.document.pk)
    assert (loaded.number, update_log.build(loaded).text()) == (4, "as it was\n")
    assert store.load(cast.document.pk).state == loaded.state
    assert store.append([batch(cast, Typist().types("a"), known=4)]) == [Stored(last=5)]


def test_writers_in_many_threads_leave_neither_holes_nor_doubles(cast: Cast, store: UpdateStore) -> None:
    together = threading.Barrier(4)

    def write(client: int) -> None:
        typist = Typist(client)
        together.wait(10)
        try:
            for n in range(10):
                store.append([batch(cast, typist.types(f"{client}:{n} "))])
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(100, 104)))
    loaded = store.load(cast.document.pk)
    assert [row.number for row in loaded.updates] == list(range(1, 41))
    text = update_log.build(loaded).text()
    assert sorted(text.split()) == sorted(f"{client}:{n}" for client in range(100, 104) for n in range(10))


# Snapshots ----------------------------------------------------------------------------------------


def test_a_compacted_document_opens_from_its_snapshot_and_keeps_its_history(cast: Cast, store: UpdateStore) -> None:
    typist = Typist()
    store.append([batch(cast, *(typist.types(f"{n} ") for n in range(30)))])
    assert compaction.compact(document_id=cast.document.pk) == 30
    store.append([batch(cast, typist.types("more"), known=30)])
    loaded = store.load(cast.document.pk)
    assert (loaded.state_number, len(loaded.updates), loaded.number) == (30, 1, 31)
    assert update_log.build(loaded).text() == typist.replica.text()
    assert DocumentUpdate.objects.count() == 31
    assert update_log.text_at(cast.document, 2) == "0 1 "


def test_edits_during_a_compaction_are_not_lost(
    cast: Cast, store: UpdateStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    typist = Typist()
    store.append([batch(cast, typist.types("before "))])
    build = update_log.build

    def build_while_somebody_types(loaded: Loaded) -> Replica:
        store.append([batch(cast, typist.types("during "), known=1)])
        return build(loaded)

    monkeypatch.setattr(update_log, "build", build_while_somebody_types)
    compaction.compact(document_id=cast.document.pk)
    monkeypatch.undo()
    assert update_log.build(store.load(cast.document.pk)).text() == "before during "


@pytest.mark.parametrize("statement", ["INSERT", "DELETE", "COMMIT"])
def test_a_compaction_that_dies_half_way_loses_nothing(cast: Cast, store: UpdateStore, statement: str) -> None:
    typist = Typist()
    for round_ in range(3):
        store.append([batch(cast, typist.types(f"{round_} "), known=round_)])
        compaction.compact(document_id=cast.document.pk)
    store.append([batch(cast, typist.types("last"), known=3)])

    class Died(BaseException):
        pass

    def die(execute, sql, params, many, context):  # type: ignore[no-untyped-def]
        if sql.lstrip().startswith(statement):
            raise Died
        return execute(sql, params, many, context)

    if statement == "COMMIT":
        document = Document.objects.get(pk=cast.document.pk)
        with pytest.raises(Died), connection.execute_wrapper(lambda *_: (_ for _ in ()).throw(Died())):
            compaction.compact(document_id=document.pk)
    else:
        with pytest.raises(Died), connection.execute_wrapper(die):
            compaction.compact(document_id=cast.document.pk)
    assert update_log.build(store.load(cast.document.pk)).text() == "0 1 2 last"
    compaction.compact(document_id=cast.document.pk)
    assert update_log.build(store.load(cast.document.pk)).text() == "0 1 2 last"


def test_two_compactions_at_once_make_one_snapshot(cast: Cast, store: UpdateStore) -> None:
    store.append([batch(cast, Typist().types("a"))])
    together = threading.Barrier(2)

    def compact(_: int) -> int:
        together.wait(10)
        try:
            return compaction.compact(document_id=cast.document.pk)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(compact, range(2))) == [1, 1]
    assert DocumentSnapshot.objects.count() == 1


def test_a_damaged_snapshot_is_passed_over(cast: Cast, store: UpdateStore) -> None:
    store.append([batch(cast, Typist().types("whole"))])
    compaction.compact(document_id=cast.document.pk)
    DocumentSnapshot.objects.update(state=b"\x00\x00")
    assert update_log.build(store.load(cast.document.pk)).text() == "whole"


def test_only_snapshots_that_newer_ones_stand_in_for_are_deleted(cast: Cast, store: UpdateStore) -> None:
    typist = Typist()
    update_log.start_epoch(cast.document, typist.types("start "), now=timezone.now())
    for n in range(4):
        store.append([batch(cast, typist.types(f"{n} "), known=n + 1, epoch=2)])
        compaction.compact(document_id=cast.document.pk)
    assert list(DocumentSnapshot.objects.order_by("number").values_list("number", flat=True)) == [1, 4, 5]
    assert update_log.build(store.load(cast.document.pk)).text() == "start 0 1 2 3 "


def test_an_update_that_the_library_cannot_take_any_more_is_left_out(cast: Cast, store: UpdateStore) -> None:
    typist = Typist()
    store.append([batch(cast, typist.types("good"), b"\x07nonsense")])
    store.append([batch(cast, typist.types(" and more"), known=2)])
    assert update_log.build(store.load(cast.document.pk)).text() == "good and more"


# The loop's own connection ------------------------------------------------------------------------

FULL = 2


@pytest.fixture
def line(store: update_log.DatabaseStore) -> Iterator[Line]:
    opened = store.open_line()
    if opened is None:
        pytest.skip("this database has no connection that never waits")
    yield opened
    opened.close()


def stored_by(line: Line, batches: list[Batch]) -> list[Stored] | None:
    stored = line.write(batches)
    if stored is not None:
        line.commit()
    return stored


def test_the_loops_connection_stores_what_is_plain_and_everybody_sees_it(
    cast: Cast, store: UpdateStore, line: Line
) -> None:
    typist, began = Typist(), timezone.now()
    assert stored_by(line, [batch(cast, typist.types("a"), typist.types("b"))]) == [Stored(last=2)]
    assert stored_by(line, [batch(cast, typist.types("c"), known=2)]) == [Stored(last=3)]
    assert store.append([batch(cast, typist.types("d"), known=3)]) == [Stored(last=4)]
    loaded = store.load(cast.document.pk)
    assert update_log.build(loaded).text() == "abcd"
    assert [(row.number, row.user) for row in loaded.updates] == [(number, cast.ana.pk) for number in (1, 2, 3, 4)]
    assert cast.document.revision == 4
    moments = list(DocumentUpdate.objects.order_by("number").values_list("created_at", flat=True))
    assert moments == sorted(moments), "they are written in the same way, and read as the same"
    assert began <= moments[0] <= moments[-1] <= timezone.now()


def test_the_loops_connection_waits_for_the_disk_as_every_other_does(line: SqliteLine) -> None:
    assert (line.setting("synchronous"), line.setting("journal_mode")) == (FULL, "wal")


def test_the_loops_connection_stores_nothing_of_what_takes_more_than_storing(cast: Cast, line: Line) -> None:
    typist = Typist()
    plain = batch(cast, typist.types("a"))
    gone = Batch(uuid4(), 1, 0, plain.entries)
    claiming = Batch(cast.document.pk, 1, 0, plain.entries, {77: cast.ana.pk})
    for other in (
        batch(cast, typist.types("b"), user=cast.vic.pk),
        batch(cast, typist.types("c"), epoch=2),
        gone,
        claiming,
    ):
        assert stored_by(line, [plain, other]) is None
    assert stored_by(line, [plain]) == [Stored(last=1)]
    assert stored_by(line, [batch(cast, typist.types("d"), known=0)]) is None, "what was missed has to be given back"
    assert [row.number for row in update_log.rows(cast.document.pk, after=0)] == [1]


def test_the_loops_connection_does_not_wait_for_another_writer(cast: Cast, line: Line) -> None:
    plain = batch(cast, Typist().types("a"))
    with transaction.atomic():
        Document.objects.filter(pk=cast.document.pk).update(name="main")
        assert stored_by(line, [plain]) is None
    assert stored_by(line, [plain]) == [Stored(last=1)]


def test_what_the_loop_has_written_is_there_for_others_when_a_thread_has_committed_it(cast: Cast, line: Line) -> None:
    assert line.write([batch(cast, Typist().types("a"))]) == [Stored(last=1)]
    assert not update_log.rows(cast.document.pk, after=0)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(line.commit).result(60)
    assert [row.number for row in update_log.rows(cast.document.pk, after=0)] == [1]


CHANGES: dict[str, Callable[[Cast], object]] = {
    "a role was taken away": lambda cast: Member.objects.filter(user=cast.ben).update(role=Role.VIEWER),
    "the person was shut out": lambda cast: User.objects.filter(pk=cast.ben.pk).update(is_active=False),
    "the session expired": lambda cast: lifetimes.expire_now(session_id=cast.session.pk, now=timezone.now()),
    "the history began anew": lambda cast: Document.objects.filter(pk=cast.document.pk).update(epoch=2),
    "somebody else stored": lambda cast: Document.objects.filter(pk=cast.document.pk).update(revision=3),
    "the session is gone": lambda cast: cast.session.delete(),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_the_loop_knows_of_a_document_is_forgotten_with_any_other_commit(
    cast: Cast, line: Line, change: str
) -> None:
    typist = Typist()
    batches = [batch(cast, typist.types("a"), known=number, user=cast.ben.pk) for number in range(3)]
    for each in batches[:2]:  # asked about the first time, and known the second
        assert stored_by(line, [each])
    CHANGES[change](cast)
    assert line.write(batches[2:]) is None


def test_what_the_loop_did_not_store_it_does_not_know_of(cast: Cast, line: Line) -> None:
    typist = Typist()
    assert stored_by(line, [batch(cast, typist.types("a"))])
    ahead = Batch(uuid4(), 1, 0, [Entry(b"update", cast.ana.pk)])
    assert stored_by(line, [batch(cast, typist.types("b"), known=1), ahead]) is None
    assert stored_by(line, [batch(cast, typist.types("b"), known=1)]) == [Stored(last=2)]
    assert cast.document.revision == 2


def test_the_loop_begins_with_a_log_as_long_as_it_gets(cast: Cast, line: SqliteLine, tmp_path: Path) -> None:
    """So that a commit never waits for the file's new length; and what was made long in advance is no data."""
    database = Path(str(connection.settings_dict["NAME"]))
    written = Path(f"{database}-wal")
    assert written.stat().st_size == update_line.LOG_BYTES
    typist = Typist()
    for number in range(3):
        assert stored_by(line, [batch(cast, typist.types("a"), known=number)])
        line.move_log()
    assert written.stat().st_size == update_line.LOG_BYTES
    for path in (database, written):  # as a killed process leaves them
        shutil.copy(path, tmp_path / path.name)
    with closing(sqlite3.connect(tmp_path / database.name)) as found:
        assert found.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert found.execute("SELECT MAX(number) FROM sessions_app_documentupdate").fetchone() == (3,)
