"""Who gets the next slot: people before priorities, priorities before age; and who makes room for whom."""

from collections import Counter
from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from graphs_app.models import GraphVersion, Run, RunStatus
from graphs_app.services import claims, sharing
from sessions_app.models import User
from tests.graphs_app import cast

WAITED = timezone.now() - timedelta(hours=1)


@pytest.fixture
def mallory(transactional_db: None) -> User:
    return User.objects.create(username="mallory")


def queue(version: GraphVersion, user: User | None, count: int, priority: int = 0, **fields: object) -> list[Run]:
    """So many runs that wait, the first the oldest."""
    first = Run.objects.count()
    return [
        Run.objects.create(
            graph_version=version,
            user=user,
            priority=priority,
            created_at=WAITED + timedelta(seconds=first + number),
            **fields,
        )
        for number in range(count)
    ]


def claim(runs: list[Run], owner: str = "w") -> None:
    assert len(claims.claim_runs(run_ids=[run.pk for run in runs], owner=owner)) == len(runs)


def owners(run_ids: list[UUID]) -> list[str]:
    names = dict(Run.objects.values_list("pk", "user__username"))
    return [names[run_id] or "the site" for run_id in run_ids]


def test_nobody_waits(transactional_db: None) -> None:
    assert sharing.heads() == []
    assert sharing.pick(10) == []


def test_everybody_who_waits_is_found_with_their_next_run(version: GraphVersion, ada: User, mallory: User) -> None:
    queue(version, mallory, 3)
    urgent = queue(version, mallory, 2, priority=9)
    of_ada = queue(version, ada, 2)
    of_site = queue(version, None, 2)
    parent = cast.claimed(version, user=User.objects.create(username="bob"))
    queue(version, parent.user, 1, parent=parent, parent_key="1:")
    queue(version, User.objects.create(username="done"), 1, status=RunStatus.COMPLETED)
    found = {head.sharer: (head.run_id, head.priority) for head in sharing.heads()}
    assert found == {
        mallory.pk: (urgent[0].pk, 9),
        ada.pk: (of_ada[0].pk, 0),
        None: (of_site[0].pk, 0),
    }


def test_a_flood_of_urgent_runs_does_not_come_before_the_first_of_another(
    version: GraphVersion, ada: User, mallory: User
) -> None:
    claim(queue(version, mallory, 5, priority=9))
    queue(version, mallory, 200, priority=9)
    runs = queue(version, ada, 3, priority=5)
    assert sharing.pick(3) == [run.pk for run in runs]
    assert Counter(owners(sharing.pick(10))) == {"ada": 3, "mallory": 7}


def test_two_people_with_many_runs_take_turns_until_both_are_done(
    version: GraphVersion, ada: User, mallory: User
) -> None:
    queue(version, mallory, 150, priority=9)
    queue(version, ada, 50)
    under_way: list[UUID] = []
    ended: list[str] = []
    while Run.objects.filter(status__in=(RunStatus.QUEUED, RunStatus.RUNNING)).exists():
        picked = sharing.pick(10 - len(under_way))
        under_way += claims.claim_runs(run_ids=picked, owner="w")
        both_wait = {head.sharer for head in sharing.heads()} == {ada.pk, mallory.pk}
        if both_wait:
            assert Counter(owners(under_way)) == {"ada": 5, "mallory": 5}
        first = under_way.pop(0)
        ended += owners([first])
        Run.objects.filter(pk=first).update(status=RunStatus.COMPLETED, lease_owner="", lease_until=None)
    assert Counter(ended) == {"mallory": 150, "ada": 50}
    assert Counter(ended[:100])["ada"] >= 45


def test_priority_decides_within_a_persons_own_and_between_equals(
    version: GraphVersion, ada: User, mallory: User
) -> None:
    late = queue(version, ada, 1, priority=1)[0]
    early = queue(version, ada, 1, priority=8)[0]
    other = queue(version, mallory, 1, priority=5)[0]
    assert sharing.pick(3) == [early.pk, other.pk, late.pk]


def test_age_decides_between_equals(version: GraphVersion, ada: User, mallory: User) -> None:
    runs = [*queue(version, mallory, 1), *queue(version, ada, 1), *queue(version, mallory, 1)]
    assert sharing.pick(3) == [run.pk for run in runs]


def test_runs_whose_worker_is_gone_and_parked_ones_take_no_share(
    version: GraphVersion, ada: User, mallory: User
) -> None:
    gone, asleep, working = queue(version, ada, 3)
    claim([gone, asleep, working])
    Run.objects.filter(pk=gone.pk).update(lease_until=WAITED)
    Run.objects.filter(pk=asleep.pk).update(lease_until=None, lease_owner="", wake_at=timezone.now())
    claim(queue(version, mallory, 2))
    assert sharing.under_way() == {ada.pk: 1, mallory.pk: 2}
    assert claims.abandoned_among([gone.pk, asleep.pk, working.pk]) == {gone.pk}


def test_of_more_people_than_are_compared_at_once_all_have_their_turn(
    version: GraphVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sharing, "PEOPLE_AT_ONCE", 3)
    people = [User.objects.create(username=f"u{number}").pk for number in range(7)]
    for person in people:
        queue(version, User.objects.get(pk=person), 1)
    looks = [{head.sharer for head in sharing.heads()} for _ in range(4)]
    assert len(looks[0]) == 3
    assert set().union(*looks) == set(people)


A, B, C = (UUID(int=number) for number in (1, 2, 3))


def head(sharer: UUID, priority: int = 0) -> sharing.Head:
    return sharing.Head(sharer, UUID(int=sharer.int + 100), priority, WAITED)


@pytest.mark.parametrize(
    ("waiting", "busy", "here", "leaving", "yielded"),
    [
        ([A], {B: 10}, {B: 10}, 0, [B]),
        ([A], {B: 10}, {B: 9}, 1, []),
        ([A, C], {B: 10}, {B: 9}, 1, [B]),
        ([A, C], {B: 3, A: 1}, {B: 3}, 0, [B]),
        ([A], {B: 1}, {B: 1}, 0, []),
        ([A], {B: 2, A: 1}, {B: 2}, 0, []),
        ([A], {B: 3, A: 1, C: 7}, {B: 3, C: 1}, 0, [C]),
        ([A], {B: 8}, {}, 0, []),
        ([B], {B: 8}, {B: 8}, 0, []),
        ([], {B: 8}, {B: 8}, 0, []),
    ],
)
def test_who_has_two_more_than_one_who_waits_hands_one_back(
    waiting: list[UUID], busy: dict[UUID, int], here: dict[UUID, int], leaving: int, yielded: list[UUID]
) -> None:
    found = sharing.worth_yielding(waiting=[head(sharer) for sharer in waiting], busy=busy, here=here, leaving=leaving)
    assert found == yielded
