"""Syncs of which only what changed travels (B2), and what is kept beside the change token: held removals, rows set
aside, the proof (B1, B3, B7)."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import psycopg
import pytest

from rollkeeper.marketing.bridges.catalog import store_catalog
from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.marketing.sync_runs import set_aside
from rollkeeper.marketing.sync_runs.models import HeldRemoval, SyncRun
from rollkeeper.marketing.target_groups.models import GroupMember, TargetGroup
from rollkeeper.sync.connector import MOST_ALSO
from rollkeeper.sync.member import Field
from tests.fakes.memory_crm import Key, MemoryCrm, Person
from tests.marketing.syncing import bridge_to, stored_people, sync_group

pytestmark = pytest.mark.django_db(transaction=True)

CITY = (Field("city", "City", "text"),)


def key(number: int) -> Key:
    return (f"{number:04}", "0")


def crm_of(count: int, **lists: set[Key]) -> MemoryCrm:
    people = {key(n): Person(f"p{n}@example.org", "P", str(n), values=(("city", "Köln"),)) for n in range(count)}
    return MemoryCrm(people=people, lists={"ALL": set(people), **lists}, fields=CITY, batch_size=7)


@pytest.fixture
def crm() -> MemoryCrm:
    return crm_of(40)


@pytest.fixture
def bridge(crm: MemoryCrm) -> Bridge:
    bridge = bridge_to(crm)
    assert sync_group(bridge, crm, "ALL").mode == "full"
    return bridge


def group() -> TargetGroup:
    return TargetGroup.objects.get(code="ALL")


def test_an_unchanged_list_is_one_request_and_is_proved_again(crm: MemoryCrm, bridge: Bridge) -> None:  # B1 B2
    before = group()
    run = sync_group(bridge, crm, "ALL")
    assert (run.mode, run.status, run.received, run.members) == ("unchanged", "completed", 0, 40)
    assert run.identical
    assert crm.asked == ["full", "changes"]
    after = group()
    assert after.change_token not in {"", before.change_token}
    assert after.verified_at is not None
    assert before.verified_at is not None
    assert after.verified_at > before.verified_at


def statements_of(monkeypatch: pytest.MonkeyPatch, call: Callable[[], SyncRun]) -> tuple[SyncRun, int]:
    """The run, and how many statements all connections sent meanwhile."""
    sent = 0
    execute = psycopg.Cursor.execute

    def counted(self: psycopg.Cursor, *arguments: object, **options: object) -> psycopg.Cursor:
        nonlocal sent
        sent += 1
        return execute(self, *arguments, **options)  # type: ignore[arg-type]  # handed on as they are

    with monkeypatch.context() as patch:
        patch.setattr(psycopg.Cursor, "execute", counted)
        return call(), sent


def test_an_unchanged_list_costs_a_few_statements(
    crm: MemoryCrm, bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:  # B2
    run, sent = statements_of(monkeypatch, lambda: sync_group(bridge, crm, "ALL"))
    assert run.mode == "unchanged"
    assert sent <= 12  # two of them are this test's own


def test_of_changes_only_the_members_they_concern_are_read(crm: MemoryCrm, bridge: Bridge) -> None:  # B2
    """A member whose stored hash is wrong would be written anew, if it were looked at."""
    GroupMember.objects.filter(master_customer_id="0020").update(hash_hi=0)
    crm.change(key(1), first_name="New")
    crm.lists["ALL"].remove(key(2))
    crm.people[key(90)] = Person("new@example.org")
    crm.lists["ALL"].add(key(90))
    run = sync_group(bridge, crm, "ALL")
    assert (run.mode, run.received, run.added, run.updated, run.unchanged, run.removed) == ("delta", 3, 1, 1, 0, 1)
    assert (run.members, run.identical, run.defect) == (40, True, "")
    assert GroupMember.objects.get(master_customer_id="0020").hash_hi == 0


def test_a_change_that_another_group_brought_already_is_no_change_here() -> None:  # S1
    crm = crm_of(20, HALF={key(n) for n in range(10)})
    bridge = bridge_to(crm)
    for code in ("ALL", "HALF"):
        sync_group(bridge, crm, code)
    crm.change(key(3), first_name="New")
    assert sync_group(bridge, crm, "HALF").updated == 1
    run = sync_group(bridge, crm, "ALL")
    assert (run.mode, run.received, run.updated, run.unchanged, run.identical) == ("delta", 1, 0, 1, True)


def test_removals_that_are_held_stay_held_until_they_are_approved(crm: MemoryCrm, bridge: Bridge) -> None:  # B3
    crm.lists["ALL"] -= {key(n) for n in range(12)}
    first = sync_group(bridge, crm, "ALL")
    assert (first.mode, first.status, first.held) == ("delta", "held", 12)
    again = sync_group(bridge, crm, "ALL")
    assert (again.mode, again.status, again.held, again.members) == ("unchanged", "held", 12, 40)
    crm.lists["ALL"] |= {key(0), key(1)}
    crm.change(key(30), first_name="New")
    fewer = sync_group(bridge, crm, "ALL")
    assert (fewer.mode, fewer.held, fewer.updated, fewer.received) == ("delta", 10, 1, 3)
    assert HeldRemoval.objects.count() == group().count_held == 10
    approved = sync_group(bridge, crm, "ALL", approve_held=True)
    assert (approved.mode, approved.removed, approved.members, approved.identical) == ("unchanged", 10, 30, True)
    assert not HeldRemoval.objects.exists()


def test_held_removals_leave_when_they_are_few_enough(crm: MemoryCrm, bridge: Bridge) -> None:  # B3
    crm.lists["ALL"] -= {key(n) for n in range(12)}
    assert sync_group(bridge, crm, "ALL").status == "held"
    crm.lists["ALL"] |= {key(n) for n in range(9)}
    run = sync_group(bridge, crm, "ALL")
    assert (run.mode, run.status, run.removed, run.members) == ("delta", "completed", 3, 37)


def test_a_held_removal_says_whether_the_person_is_gone_from_the_crm(crm: MemoryCrm, bridge: Bridge) -> None:
    crm.lists["ALL"] -= {key(n) for n in range(12)}
    del crm.people[key(0)]
    sync_group(bridge, crm, "ALL")
    reasons = dict(HeldRemoval.objects.values_list("master_customer_id", "reason"))
    assert (reasons["0000"], reasons["0001"]) == ("deleted", "left")


def test_a_row_set_aside_is_asked_for_at_every_sync_until_it_is_well(crm: MemoryCrm, bridge: Bridge) -> None:  # B7
    crm.change(key(3), first_name="Changed")
    crm.rejected = {key(3): "The record is locked."}
    run = sync_group(bridge, crm, "ALL")
    assert (run.mode, run.received, run.set_aside, run.members) == ("delta", 1, 1, 40)
    again = sync_group(bridge, crm, "ALL")  # nothing changed, and the row is looked at all the same
    assert (again.mode, again.received, again.set_aside) == ("delta", 1, 1)
    assert crm.also[-1] == (key(3),)
    [row] = set_aside.present(group())
    assert (row.kind, row.reason, row.since_run) == ("rejected", "refused_by_crm", run.pk)
    first = SyncRun.objects.earliest("pk")
    assert first.finished_at is not None
    assert row.detail.endswith(
        f"The record is locked. The member keeps the data of {first.finished_at:%Y-%m-%d %H:%M} UTC."
    )
    assert stored_people(bridge, "ALL")[key(3)].first_name == "P"
    crm.rejected = {}  # well again, without a change of the row
    well = sync_group(bridge, crm, "ALL")
    assert (well.mode, well.updated, well.set_aside, well.identical) == ("delta", 1, 0, True)
    assert not set_aside.present(group()).exists()
    assert stored_people(bridge, "ALL")[key(3)].first_name == "Changed"


def test_a_row_set_aside_whose_person_leaves_is_forgotten(crm: MemoryCrm, bridge: Bridge) -> None:  # B7
    crm.repeat = {key(3)}
    assert sync_group(bridge, crm, "ALL").set_aside == 2
    crm.lists["ALL"].remove(key(3))
    run = sync_group(bridge, crm, "ALL")
    assert (run.removed, run.set_aside, run.identical) == (1, 0, True)
    assert not set_aside.present(group()).exists()


def test_more_rows_set_aside_than_can_be_asked_for_are_looked_at_in_full_pulls() -> None:  # B7
    crm = crm_of(MOST_ALSO + 10)
    crm.rejected = {key(n): "No." for n in range(MOST_ALSO + 1)}
    bridge = bridge_to(crm)
    sync_group(bridge, crm, "ALL")
    run = sync_group(bridge, crm, "ALL")
    assert (run.mode, run.set_aside, run.members) == ("full", MOST_ALSO + 1, 9)
    crm.rejected = {key(n): "No." for n in range(MOST_ALSO)}
    assert sync_group(bridge, crm, "ALL").mode == "full"
    assert sync_group(bridge, crm, "ALL").mode == "delta"


@pytest.mark.parametrize("member", [True, False])
def test_a_row_that_the_database_refuses_is_set_aside_and_the_rest_is_taken(
    crm: MemoryCrm, bridge: Bridge, member: bool
) -> None:  # B7
    number = 3 if member else 90
    crm.people[key(number)] = Person("x@example.org", "P", secrets.token_hex(6000))  # no index takes so much
    crm.lists["ALL"].add(key(number))
    crm.change(key(4), first_name="Changed")
    run = sync_group(bridge, crm, "ALL")
    assert (run.status, run.updated, run.added, run.set_aside) == ("completed", 1, 0, 1)
    [row] = set_aside.present(group())
    assert (row.kind, row.reason, row.master_customer_id) == ("rejected", "refused_by_database", f"{number:04}")
    assert "index" in row.detail
    assert ("keeps the data" in row.detail) is member
    people = stored_people(bridge, "ALL")
    assert people[key(4)].first_name == "Changed"
    assert len(people) == 40
    crm.change(key(number), last_name="Short")
    well = sync_group(bridge, crm, "ALL")
    assert (well.set_aside, well.identical) == (0, True)


def test_a_token_that_the_crm_does_not_know_leads_to_a_full_pull(crm: MemoryCrm, bridge: Bridge) -> None:  # B2
    crm.change(key(1), first_name="New")
    crm.lose_tokens()
    run = sync_group(bridge, crm, "ALL")
    assert (run.mode, run.received, run.updated, run.defect) == ("full", 40, 1, "")
    assert sync_group(bridge, crm, "ALL").mode == "unchanged"


def test_a_person_can_ask_for_a_full_pull(crm: MemoryCrm, bridge: Bridge) -> None:
    run = sync_group(bridge, crm, "ALL", full=True)
    assert (run.mode, run.unchanged) == ("full", 40)


def test_a_sync_that_fails_keeps_the_token_and_misses_nothing(
    crm: MemoryCrm, bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:  # B9
    before = group().change_token
    crm.change(key(1), first_name="New")
    with monkeypatch.context() as patch:
        patch.setattr(set_aside, "write", _fails)
        with pytest.raises(RuntimeError):
            sync_group(bridge, crm, "ALL")
    assert group().change_token == before
    run = sync_group(bridge, crm, "ALL")
    assert (run.mode, run.updated, run.identical) == ("delta", 1, True)


def _fails(*_: object) -> None:
    raise RuntimeError("in the middle of the write")


def test_a_change_that_is_not_told_is_found_and_repaired_in_the_same_run(
    crm: MemoryCrm, bridge: Bridge
) -> None:  # B1
    crm.change(key(1), allow_email=False)
    crm.change(key(2), first_name="Told")
    crm.forgotten = {key(1)}
    run = sync_group(bridge, crm, "ALL")
    assert (run.updated, run.unsubscribed, run.repaired, run.identical) == (2, 1, 1, True)
    assert run.defect
    crm.forgotten = set()
    assert sync_group(bridge, crm, "ALL").mode == "unchanged"


def test_a_kept_fingerprint_that_is_wrong_for_ever_is_told_and_does_not_make_every_sync_a_full_one(
    crm: MemoryCrm, bridge: Bridge
) -> None:  # B1
    crm.kept_wrong = 12345
    told = sync_group(bridge, crm, "ALL")
    assert told.defect
    crm.change(key(1), first_name="New")
    asked = len(crm.asked)
    run = sync_group(bridge, crm, "ALL")
    assert (run.mode, run.updated, run.identical) == ("delta", 1, True)
    assert run.defect
    assert len(crm.asked) - asked == 1


def test_values_that_are_forgotten_here_are_pulled_again(crm: MemoryCrm, bridge: Bridge) -> None:  # S25
    """More names than there are slots: the field that went first loses its values, and no CRM tells that as a change."""
    from django.utils import timezone

    crm.fields = tuple(Field(f"field {number}", "Field", "text") for number in range(100))
    store_catalog(bridge, crm.catalog(), timezone.now())
    assert group().change_token == ""
    crm.fields = CITY
    store_catalog(bridge, crm.catalog(), timezone.now())
    run = sync_group(bridge, crm, "ALL")
    assert (run.mode, run.updated, run.identical) == ("full", 40, True)


@pytest.mark.parametrize(
    ("changed", "forgotten"),
    [({"url": "http://127.0.0.2/"}, True), ({"account": "other"}, True), ({"token": "rkt_new"}, True), ({"name": "Other"}, False)],
)  # fmt: skip
def test_another_connection_forgets_what_was_known_of_the_list(
    bridge: Bridge, changed: dict[str, str], forgotten: bool
) -> None:  # B2
    from rollkeeper.marketing.bridges.forms import BridgeForm

    kept = {"name": bridge.name, "url": bridge.url, "account": bridge.account, "is_enabled": True, "token": ""}
    form = BridgeForm(kept | changed, instance=Bridge.objects.get(pk=bridge.pk))
    assert form.is_valid(), form.errors
    form.save()
    assert (group().change_token == "") is forgotten
