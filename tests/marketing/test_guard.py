"""The guard's limits, what it never lets pass, what a person may decide, and alarms (B3, S29, B7)."""

from __future__ import annotations

from fractions import Fraction

import pytest
from django.utils import timezone

from rollkeeper.marketing.bridges.catalog import store_catalog
from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.marketing.guard.held import discard, people
from rollkeeper.marketing.guard.limits import Limits, change_limits, effect
from rollkeeper.marketing.sync_runs.models import HeldRemoval, SyncRun
from rollkeeper.marketing.sync_runs.perform import _failure
from rollkeeper.marketing.sync_runs.request import create_run
from rollkeeper.marketing.sync_runs.set_aside import present
from rollkeeper.marketing.target_groups.models import TargetGroup
from rollkeeper.marketing.target_groups.state import State, state_of
from rollkeeper.sync.connector import ListMissing
from rollkeeper.sync.events import Event, Kind
from rollkeeper.sync.plan import Guard
from tests.fakes.memory_crm import Key, MemoryCrm, Person
from tests.marketing.syncing import bridge_to, stored_people, sync_group

pytestmark = pytest.mark.django_db(transaction=True)


def key(number: int) -> Key:
    return (f"{number:04}", "0")


def keys(first: int, end: int) -> set[Key]:
    return {key(number) for number in range(first, end)}


def synced(count: int) -> tuple[MemoryCrm, Bridge]:
    """A group of so many members, named ALL, as the CRM has it."""
    members = {key(n): Person(f"p{n}@example.org", "P", str(n)) for n in range(count)}
    crm = MemoryCrm(people=members, lists={"ALL": set(members)}, batch_size=25)
    bridge = bridge_to(crm)
    sync_group(bridge, crm, "ALL")
    return crm, bridge


def group() -> TargetGroup:
    return TargetGroup.objects.select_related("bridge").get(code="ALL")


def leave(crm: MemoryCrm, numbers: set[Key]) -> None:
    crm.lists["ALL"] = crm.lists["ALL"] - numbers


def test_a_group_has_its_bridge_s_limits_until_it_has_its_own() -> None:
    crm, bridge = synced(100)
    change_limits(bridge, Limits(5, 3), changed_by="ada")
    leave(crm, keys(0, 6))
    assert sync_group(bridge, crm, "ALL").status == "held"
    change_limits(group(), Limits(6, None), changed_by="ada")
    assert sync_group(bridge, crm, "ALL").removed == 6


@pytest.mark.parametrize(("share", "floor", "leaving", "status"), [
    (0, 1, 1, "held"), (0, 2, 1, "completed"), (100, 0, 99, "completed"), (50, 10, 50, "completed"),
    (50, 10, 51, "held"), (0, 100, 99, "completed"),
])  # fmt: skip
def test_the_limits_decide(share: int, floor: int, leaving: int, status: str) -> None:
    crm, bridge = synced(100)
    change_limits(group(), Limits(share, floor), changed_by="ada")
    leave(crm, keys(0, leaving))
    assert sync_group(bridge, crm, "ALL").status == status


@pytest.mark.parametrize(("share", "floor", "members"), [
    (15, 10, 12_345), (15, 10, 0), (15, 10, 1), (15, 10, 9), (15, 10, 60), (15, 10, 67), (0, 0, 50), (0, 1, 50),
    (100, 0, 50), (100, 10, 5), (33, 1, 100), (99, 1, 101),
])  # fmt: skip
def test_the_most_that_may_leave_is_told_as_the_guard_judges(share: int, floor: int, members: int) -> None:
    """Naively: the largest number that is neither a mass nor everybody."""
    guard = Guard(Fraction(share, 100), floor)
    allowed = [n for n in range(members) if n == 0 or not (n >= floor and 100 * n > share * members)]
    assert guard.most(members) == max(allowed, default=0)


def test_the_effect_is_said_in_a_sentence() -> None:
    guard = Guard(Fraction(15, 100), 10)
    assert effect(guard, 12_345).startswith("Of 12,345 members up to 1,851 may leave at once")
    assert effect(guard, 0) == "The group has no members yet: nobody can leave."
    assert effect(Guard(Fraction(0), 0), 3) == "Of 3 members nobody may leave unasked."


@pytest.mark.parametrize("full", [False, True])
def test_an_empty_list_removes_nobody_whatever_the_limits(full: bool) -> None:
    crm, bridge = synced(40)
    change_limits(bridge, Limits(100, 1_000_000), changed_by="ada")
    crm.lists["ALL"] = set()
    run = sync_group(bridge, crm, "ALL", full=full)
    assert (run.status, run.held, run.members) == ("held", 40, 40)
    assert "empty list" in run.message
    assert sync_group(bridge, crm, "ALL", approve_held=True).members == 0  # asked for, it goes


def test_a_list_of_others_altogether_holds_by_the_limits_and_never_empties_in_silence() -> None:
    crm, bridge = synced(40)
    crm.people |= {key(n): Person(f"p{n}@example.org") for n in range(100, 105)}
    crm.lists["ALL"] = keys(100, 105)
    run = sync_group(bridge, crm, "ALL")
    assert (run.status, run.added, run.held, run.members) == ("held", 5, 40, 45)


def test_a_mass_of_opt_outs_applies_at_once_and_raises_an_alarm_that_their_return_lifts() -> None:
    crm, bridge = synced(100)
    for number in range(16):
        crm.change(key(number), allow_email=False)
    run = sync_group(bridge, crm, "ALL")
    assert (run.status, run.unsubscribed) == ("completed", 16)
    assert run.alarm.startswith("The CRM's flag unsubscribed 16 of 100 members (16%) in one sync.")
    assert group().count_receiving == 84
    for number in range(16):
        crm.change(key(number), allow_email=True)
    back = sync_group(bridge, crm, "ALL")
    assert (back.resubscribed, back.alarm) == (16, "")


def test_opt_outs_within_the_limits_raise_no_alarm() -> None:
    crm, bridge = synced(100)
    for number in range(15):
        crm.change(key(number), allow_email=False)
    assert sync_group(bridge, crm, "ALL").alarm == ""


def test_an_approval_covers_what_was_seen_and_what_the_limits_let_pass_beside_it() -> None:
    crm, bridge = synced(100)
    leave(crm, keys(0, 30))
    sync_group(bridge, crm, "ALL")
    leave(crm, keys(30, 40))
    run = sync_group(bridge, crm, "ALL", approved_removals=30)
    assert (run.status, run.removed) == ("completed", 40)


def test_an_approval_does_not_cover_a_list_that_collapsed_since() -> None:
    crm, bridge = synced(100)
    leave(crm, keys(0, 30))
    sync_group(bridge, crm, "ALL")
    leave(crm, keys(30, 80))
    run = sync_group(bridge, crm, "ALL", approved_removals=30)
    assert (run.status, run.held, run.members) == ("held", 80, 100)
    assert "30 removals were approved" in run.message
    crm.lists["ALL"] = set()
    assert sync_group(bridge, crm, "ALL", approved_removals=80).held == 100  # nobody asked for an empty group


def test_held_people_are_told_with_why_and_since_when() -> None:
    crm, bridge = synced(100)
    leave(crm, keys(0, 20))
    first = sync_group(bridge, crm, "ALL")
    since = group().held_since
    leave(crm, keys(20, 22))
    second = sync_group(bridge, crm, "ALL")
    assert group().held_since == since
    told = {removal.master_customer_id: (removal.run_id, person) for removal, person in people(group(), 7)}
    assert len(told) == 22
    assert told["0003"][0] == first.pk
    assert told["0021"][0] == second.pk
    assert {person.last_name for _, person in told.values() if person} == {str(n) for n in range(22)}


def test_whoever_is_back_in_the_list_is_held_no_longer() -> None:
    crm, bridge = synced(100)
    leave(crm, keys(0, 20))
    sync_group(bridge, crm, "ALL")
    crm.lists["ALL"] |= keys(0, 15)
    run = sync_group(bridge, crm, "ALL")
    assert (run.status, run.removed, run.held) == ("completed", 5, 0)
    assert (group().count_held, group().held_since) == (0, None)


def test_discarded_removals_stay_until_the_next_sync_which_compares_all_and_asks_again() -> None:
    crm, bridge = synced(100)
    leave(crm, keys(0, 20))
    held = sync_group(bridge, crm, "ALL")
    assert discard(group(), discarded_by="ada") == 20
    assert (group().count_held, group().count_members, HeldRemoval.objects.count()) == (0, 100, 0)
    decision = group().held_decisions.get()
    assert (decision.held_by_run, decision.people, decision.decided_by) == (held.pk, 20, "ada")
    assert discard(group(), discarded_by="ada") == 0  # there is nothing any more
    again = sync_group(bridge, crm, "ALL")
    assert (again.status, again.mode, again.held) == ("held", "full", 20)


def test_a_list_that_is_gone_marks_its_group_with_since_when_and_it_comes_back_with_the_list() -> None:  # S29
    crm, bridge = synced(30)
    members = crm.lists.pop("ALL")
    gone = timezone.now()
    store_catalog(bridge, crm.catalog(), gone)
    store_catalog(bridge, crm.catalog(), timezone.now())  # since when it is gone stays
    assert (group().missing_at_source, group().missing_since) == (True, gone)
    assert state_of(group()) is State.MISSING
    assert len(stored_people(bridge, "ALL")) == group().count_members == 30
    crm.lists["ALL"] = members
    store_catalog(bridge, crm.catalog(), timezone.now())
    assert (group().missing_at_source, group().missing_since) == (False, None)
    assert sync_group(bridge, crm, "ALL").members == 30


def test_a_sync_of_a_list_that_is_gone_says_what_to_do_and_removes_nobody() -> None:  # S29
    crm, bridge = synced(30)
    del crm.lists["ALL"]
    run = create_run(bridge, Kind.AUDIENCE, Event.RESYNC_COUNT_DETAILS, group=group(), requested_by="test")
    with pytest.raises(ListMissing):
        sync_group(bridge, crm, "ALL", run=run)
    message, kind = _failure(run, ListMissing("The CRM has no list ALL any more."))
    assert kind == "missing"
    assert "make it again in the CRM under the same code and press Refresh Target Group List" in message
    assert group().missing_at_source
    assert group().missing_since is not None
    assert len(stored_people(bridge, "ALL")) == 30


def test_rows_set_aside_say_since_which_run_without_a_break() -> None:  # B7
    crm, bridge = synced(10)
    crm.repeat = {key(3)}
    first = sync_group(bridge, crm, "ALL", full=True)
    crm.repeat = {key(3), key(4)}
    second = sync_group(bridge, crm, "ALL", full=True)
    since = {(row.master_customer_id, row.since_run) for row in present(group())}
    assert since == {("0003", first.pk), ("0004", second.pk)}
    crm.repeat = set()
    sync_group(bridge, crm, "ALL", full=True)
    assert not present(group()).exists()
    crm.repeat = {key(3)}
    third = sync_group(bridge, crm, "ALL", full=True)
    assert {row.since_run for row in present(group())} == {third.pk}
    assert SyncRun.objects.get(pk=third.pk).set_aside == 2
