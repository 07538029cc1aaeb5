"""What an audience sync does to people, case by case (S7 S15 S28 S30 B3 B7 B14)."""

from __future__ import annotations

import pytest
from django.utils import timezone

from rollkeeper.marketing.subscribers.models import Subscriber
from rollkeeper.marketing.sync_runs.models import HeldRemoval, RunChange, SetAsideRow
from rollkeeper.marketing.target_groups.models import TargetGroup
from rollkeeper.sync.member import Field
from tests.fakes.memory_crm import Key, MemoryCrm, Person
from tests.marketing.syncing import bridge_to, stored_people, sync_group

pytestmark = pytest.mark.django_db(transaction=True)

CITY = (Field("city", "City", "text"),)


def crm_of(count: int, **lists: set[Key]) -> MemoryCrm:
    people = {key(n): Person(f"p{n}@example.org", "P", str(n), values=(("city", "Köln"),)) for n in range(count)}
    return MemoryCrm(people=people, lists={"ALL": set(people), **lists}, fields=CITY, batch_size=7)


def key(number: int) -> Key:
    return (f"{number:04}", "0")


def test_a_person_whose_flag_is_false_comes_over_unsubscribed_and_stays_in_the_group() -> None:  # S7
    crm = crm_of(5)
    crm.change(key(2), allow_email=False)
    bridge = bridge_to(crm)
    run = sync_group(bridge, crm, "ALL")
    assert (run.added, run.members, run.unsubscribed) == (5, 5, 0)  # no status changed: the person came so
    assert stored_people(bridge, "ALL")[key(2)].status == "Unsubscribed from remote system"


def test_the_flag_going_and_coming_back_is_counted_and_lifts_only_itself() -> None:  # S30
    crm = crm_of(5)
    bridge = bridge_to(crm)
    sync_group(bridge, crm, "ALL")
    crm.change(key(1), allow_email=False)
    gone = sync_group(bridge, crm, "ALL")
    assert (gone.updated, gone.unsubscribed, gone.resubscribed) == (1, 1, 0)
    Subscriber.objects.filter(master_customer_id="0003").update(unsubscribed_at=timezone.now())
    crm.change(key(1), allow_email=True)
    crm.change(key(3), first_name="New")
    back = sync_group(bridge, crm, "ALL")
    assert (back.updated, back.unsubscribed, back.resubscribed) == (2, 0, 1)
    people = stored_people(bridge, "ALL")
    assert people[key(1)].status == "Subscribed"
    assert (people[key(3)].status, people[key(3)].first_name) == ("Unsubscribed", "New")


def test_leaving_the_list_leaves_the_group_and_is_no_unsubscribe() -> None:  # S28
    crm = crm_of(20)
    bridge = bridge_to(crm)
    sync_group(bridge, crm, "ALL")
    crm.lists["ALL"].remove(key(4))
    run = sync_group(bridge, crm, "ALL")
    assert (run.removed, run.members, run.unsubscribed) == (1, 19, 0)
    assert key(4) not in stored_people(bridge, "ALL")
    assert Subscriber.objects.get(master_customer_id="0004").status == "Subscribed"


def test_a_second_sync_of_the_same_list_changes_nothing() -> None:  # S1 B1
    crm = crm_of(30)
    bridge = bridge_to(crm)
    first = sync_group(bridge, crm, "ALL")
    again = sync_group(bridge, crm, "ALL", full=True)
    assert (again.mode, again.unchanged, again.added, again.updated, again.removed) == ("full", 30, 0, 0, 0)
    assert again.stored_fingerprint == first.stored_fingerprint == again.crm_fingerprint
    assert not RunChange.objects.exists()


def test_a_sync_that_would_remove_too_many_holds_the_removals_and_does_the_rest() -> None:  # B3
    crm = crm_of(100)
    bridge = bridge_to(crm)
    sync_group(bridge, crm, "ALL")
    crm.lists["ALL"] -= {key(n) for n in range(16)}
    crm.change(key(50), allow_email=False)
    crm.people[key(200)] = Person("new@example.org")
    crm.lists["ALL"].add(key(200))
    run = sync_group(bridge, crm, "ALL")
    assert (run.status, run.held, run.removed, run.added, run.unsubscribed) == ("held", 16, 0, 1, 1)
    assert run.members == 101
    assert "16 of 100" in run.message
    assert not run.identical
    group = TargetGroup.objects.get(code="ALL")
    assert HeldRemoval.objects.filter(group=group).count() == group.count_held == 16
    approved = sync_group(bridge, crm, "ALL", approve_held=True)
    assert (approved.status, approved.removed, approved.members, approved.identical) == ("completed", 16, 85, True)
    assert not HeldRemoval.objects.exists()


@pytest.mark.parametrize(("members", "leaving", "status"), [(100, 15, "completed"), (60, 9, "completed"),
                                                            (20, 9, "completed"), (60, 10, "held")])  # fmt: skip
def test_the_guard_needs_more_than_its_share_and_at_least_its_floor(
    members: int, leaving: int, status: str
) -> None:  # B3
    crm = crm_of(members)
    bridge = bridge_to(crm)
    sync_group(bridge, crm, "ALL")
    crm.lists["ALL"] -= {key(n) for n in range(leaving)}
    assert sync_group(bridge, crm, "ALL").status == status


def test_an_empty_source_never_removes_however_small_the_group() -> None:  # B3
    crm = crm_of(2)
    bridge = bridge_to(crm)
    sync_group(bridge, crm, "ALL")
    crm.lists["ALL"] = set()
    run = sync_group(bridge, crm, "ALL")
    assert (run.status, run.held, run.members) == ("held", 2, 2)


def test_a_mass_of_opt_outs_is_never_held() -> None:  # B3
    crm = crm_of(100)
    bridge = bridge_to(crm)
    sync_group(bridge, crm, "ALL")
    for number in range(90):
        crm.change(key(number), allow_email=False)
    run = sync_group(bridge, crm, "ALL")
    assert (run.status, run.unsubscribed) == ("completed", 90)
    assert TargetGroup.objects.get(code="ALL").count_receiving == 10


def test_a_repeated_id_is_set_aside_and_the_member_keeps_the_data_it_has() -> None:  # B7
    crm = crm_of(20)
    bridge = bridge_to(crm)
    sync_group(bridge, crm, "ALL")
    crm.change(key(3), first_name="Changed")
    crm.repeat = {key(3)}
    run = sync_group(bridge, crm, "ALL")
    assert (run.received, run.unchanged, run.set_aside, run.members) == (2, 0, 2, 20)
    assert stored_people(bridge, "ALL")[key(3)].first_name == "P"
    rows = SetAsideRow.objects.filter(run=run)
    assert {(row.reason, row.kind, row.row["first_name"]) for row in rows} == {
        ("duplicate_customer_id", "invalid", "Changed")
    }
    full = sync_group(bridge, crm, "ALL", full=True)
    assert (full.received, full.unchanged, full.set_aside, full.members) == (21, 19, 2, 20)
    crm.repeat = set()
    assert sync_group(bridge, crm, "ALL").updated == 1  # retried at every sync until it is well
    assert stored_people(bridge, "ALL")[key(3)].first_name == "Changed"


def test_every_change_is_kept_with_its_run_and_the_values_before() -> None:  # B6
    crm = crm_of(20)
    bridge = bridge_to(crm)
    sync_group(bridge, crm, "ALL")
    crm.change(key(1), email="other@example.org", allow_email=False)
    crm.lists["ALL"].remove(key(2))
    crm.people[key(99)] = Person("n@example.org")
    crm.lists["ALL"].add(key(99))
    run = sync_group(bridge, crm, "ALL")
    changes = {change.master_customer_id: change for change in RunChange.objects.filter(run=run)}
    assert {number: change.change for number, change in changes.items()} == {
        "0001": "updated", "0002": "removed", "0099": "added",
    }  # fmt: skip
    updated = changes["0001"]
    assert updated.before == {"email": "p1@example.org", "allow_email": True, "denied_by": None}
    assert (updated.status_before, updated.status_after) == ("Subscribed", "Unsubscribed from remote system")
    assert (changes["0099"].status_before, changes["0099"].status_after) == (None, "Subscribed")


def test_people_of_several_groups_are_one_subscriber_and_all_groups_count_right() -> None:  # S1 B14
    crm = crm_of(30, HALF={key(n) for n in range(15)})
    bridge = bridge_to(crm)
    sync_group(bridge, crm, "ALL")
    run = sync_group(bridge, crm, "HALF")
    assert (run.added, run.all_added, Subscriber.objects.count()) == (15, True, 30)
    crm.change(key(3), allow_email=False)
    sync_group(bridge, crm, "HALF")
    group = TargetGroup.objects.get(code="ALL")
    assert (group.count_members, group.count_allowed, group.count_receiving) == (30, 29, 29)
    seen = sync_group(bridge, crm, "ALL")  # the change is told here too, and is there already
    assert (seen.mode, seen.unchanged, seen.updated, seen.identical) == ("delta", 1, 0, True)


def test_a_first_sync_that_brings_few_new_people_among_many_known_counts_them_all() -> None:  # S32
    crm = crm_of(30, KNOWN={key(n) for n in range(28)})
    bridge = bridge_to(crm)
    sync_group(bridge, crm, "KNOWN")
    sync_group(bridge, crm, "ALL")
    group = TargetGroup.objects.get(code="ALL")
    assert (group.count_members, group.count_distinct, group.count_receiving) == (30, 30, 30)


def test_an_address_that_changes_keeps_the_subscriber_and_its_own_opt_out() -> None:  # S30 B14
    crm = crm_of(3)
    bridge = bridge_to(crm)
    sync_group(bridge, crm, "ALL")
    Subscriber.objects.filter(master_customer_id="0001").update(unsubscribed_at=timezone.now())
    crm.change(key(1), email="new@example.org")
    sync_group(bridge, crm, "ALL")
    person = stored_people(bridge, "ALL")[key(1)]
    assert (person.email, person.status, Subscriber.objects.count()) == ("new@example.org", "Unsubscribed", 3)


def test_a_field_that_comes_and_one_that_goes_are_followed_and_no_old_value_shows_under_a_new_name() -> None:  # S25
    crm = crm_of(5)
    bridge = bridge_to(crm)
    sync_group(bridge, crm, "ALL")
    crm.fields = (Field("points", "Points", "integer"),)
    run = sync_group(bridge, crm, "ALL")
    assert (run.updated, run.identical) == (5, True)
    assert [field.name for field in bridge.fields.all()] == ["points"]
    slot = bridge.fields.get().slot
    assert {getattr(person, f"f{slot}") for person in stored_people(bridge, "ALL").values()} == {None}
