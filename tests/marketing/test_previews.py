"""A preview shows what a sync then does, writes nothing, and is applied as shown or not at all (B4)."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.marketing.guard.limits import Limits, change_limits
from rollkeeper.marketing.previews.make import KEPT, KEPT_A_GROUP, Overtaken, _start, make, make_from
from rollkeeper.marketing.previews.models import Preview, PreviewRow
from rollkeeper.marketing.previews.request import cancel_preview, create_preview, request_applying, request_preview
from rollkeeper.marketing.subscribers.models import Subscriber
from rollkeeper.marketing.sync_runs.models import HeldRemoval, RunChange, SetAsideRow, SyncRun
from rollkeeper.marketing.target_groups.models import GroupMember, TargetGroup
from rollkeeper.sync.member import Field
from tests.fakes.memory_crm import Key, MemoryCrm, Person
from tests.marketing.syncing import bridge_to, preview_group, stored_people, sync_group

pytestmark = pytest.mark.django_db(transaction=True)

CITY = (Field("city", "City", "text"),)
COUNTS = ("received", "added", "updated", "unchanged", "unsubscribed", "resubscribed", "removed", "set_aside", "held",
          "members", "stored_fingerprint", "crm_fingerprint", "alarm", "message", "mode")  # fmt: skip


def key(number: int) -> Key:
    return (f"{number:04}", "0")


def crm_of(count: int) -> MemoryCrm:
    people = {key(n): Person(f"p{n}@example.org", "P", str(n), values=(("city", "Köln"),)) for n in range(count)}
    return MemoryCrm(people=people, lists={"ALL": set(people), "HALF": {key(n) for n in range(count // 2)}},
                     fields=CITY, batch_size=7)  # fmt: skip


def a_world_with_everything_to_do() -> tuple[MemoryCrm, Bridge]:
    """Additions, known people who join, changes, opt-outs, one that is lifted, removals, a row to set aside."""
    crm = crm_of(60)
    crm.people[key(90)] = Person("joins@example.org")
    crm.lists["HALF"].add(key(90))
    crm.change(key(5), allow_email=False)
    bridge = bridge_to(crm)
    sync_group(bridge, crm, "ALL")
    sync_group(bridge, crm, "HALF")
    Subscriber.objects.filter(master_customer_id="0007").update(unsubscribed_at=timezone.now())
    crm.people[key(91)] = Person("new@example.org", "New", "Person")
    crm.lists["ALL"] |= {key(90), key(91)}
    crm.lists["ALL"] -= {key(n) for n in range(20, 24)}
    crm.change(key(1), first_name="Changed", values=(("city", "Bonn"),))
    crm.change(key(2), allow_email=False)
    crm.change(key(5), allow_email=True)
    crm.change(key(7), allow_email=False)  # opted out here already: the flag moves no status
    crm.change(key(90), allow_email=False)
    crm.change(key(3), first_name="Never mind")
    crm.repeat = {key(3)}
    return crm, bridge


def counts(outcome: Preview | SyncRun) -> dict[str, object]:
    return {name: getattr(outcome, name) for name in COUNTS}


def test_a_preview_counts_what_the_sync_then_does_and_writes_nothing() -> None:
    crm, bridge = a_world_with_everything_to_do()
    before = everything()
    preview = preview_group(bridge, crm, "ALL")
    assert preview.status == "ready"
    assert everything() == before
    run = sync_group(bridge, crm, "ALL")
    assert counts(preview) == counts(run)
    assert (run.added, run.updated, run.removed, run.unsubscribed, run.resubscribed) == (2, 4, 4, 2, 1)
    assert run.set_aside == 2


def everything() -> list[list[object]]:
    """All that a sync may write."""
    models = (Subscriber, GroupMember, TargetGroup, SyncRun, RunChange, SetAsideRow, HeldRemoval, Bridge)
    return [list(model._default_manager.order_by("pk").values()) for model in models]


def test_a_preview_shows_each_person_with_old_and_new_values() -> None:
    crm, bridge = a_world_with_everything_to_do()
    preview = preview_group(bridge, crm, "ALL")
    rows = {(row.kind, row.master_customer_id): row for row in preview.rows.exclude(kind="set_aside")}
    run = sync_group(bridge, crm, "ALL")
    shown = {(kind, master, row.status_before, row.status_after) for (kind, master), row in rows.items()}
    done = RunChange.objects.filter(run=run)
    assert shown == {(each.change, each.master_customer_id, each.status_before, each.status_after) for each in done}
    for change in done.exclude(before=None):
        old = {
            name: pair[0]
            for name, pair in json.loads(rows[change.change, change.master_customer_id].changes or "{}").items()
        }
        assert old == change.before
    assert json.loads(rows["updated", "0001"].changes or "") == {
        "first_name": ["P", "Changed"],
        "city": ["Köln", "Bonn"],
    }
    flags = {(row.master_customer_id, row.flag) for row in rows.values() if row.flag}
    assert flags == {("0002", "unsubscribed"), ("0090", "unsubscribed"), ("0005", "resubscribed")}
    aside = preview.rows.filter(kind="set_aside")
    known = Subscriber.objects.get(master_customer_id="0003")
    assert {(row.reason, row.subscriber_id) for row in aside} == {("duplicate_customer_id", known.pk)}
    assert {json.loads(row.row or "")["first_name"] for row in aside} == {"Never mind"}


def test_a_preview_of_a_first_sync_shows_everybody_as_added() -> None:
    crm = crm_of(20)
    crm.change(key(3), email=None)
    bridge = bridge_to(crm)
    preview = preview_group(bridge, crm, "ALL")
    assert (preview.added, preview.members, preview.rows.count()) == (20, 20, 20)
    assert preview.rows.get(master_customer_id="0003").status_after == "No address"
    assert counts(preview) == counts(sync_group(bridge, crm, "ALL"))


def test_a_preview_shows_what_the_guard_would_hold_and_of_an_approval_what_would_leave() -> None:  # B3
    crm = crm_of(40)
    bridge = bridge_to(crm)
    sync_group(bridge, crm, "ALL")
    crm.lists["ALL"] = {key(n) for n in range(20)}
    held = preview_group(bridge, crm, "ALL")
    assert (held.held, held.removed, held.members, held.rows.filter(kind="held").count()) == (20, 0, 40, 20)
    assert "20 of 40" in held.message
    assert {row.last_name for row in held.rows.all()} == {str(n) for n in range(20, 40)}
    approved = preview_group(bridge, crm, "ALL", approve_held=True)
    assert (approved.held, approved.removed, approved.rows.filter(kind="removed").count()) == (0, 20, 20)
    assert counts(approved) == counts(sync_group(bridge, crm, "ALL", approve_held=True))


def test_applying_a_preview_writes_what_it_showed() -> None:
    crm, bridge = a_world_with_everything_to_do()
    preview = preview_group(bridge, crm, "ALL")
    run = sync_group(bridge, crm, "ALL", preview=preview)
    assert (run.status, run.error_kind) == ("completed", "")
    assert counts(preview) == counts(run)


def the_list_changes(crm: MemoryCrm, bridge: Bridge) -> None:
    crm.lists["ALL"].discard(key(30))


def the_list_is_regenerated(crm: MemoryCrm, bridge: Bridge) -> None:
    crm.version += 1


def a_person_changes(crm: MemoryCrm, bridge: Bridge) -> None:
    crm.change(key(31), email="other@example.org")


def the_view_changes(crm: MemoryCrm, bridge: Bridge) -> None:
    crm.fields = (*CITY, Field("points", "Points", "integer"))


def the_group_is_synced(crm: MemoryCrm, bridge: Bridge) -> None:
    sync_group(bridge, crm, "ALL")


def another_group_brings_a_member_s_new_data(crm: MemoryCrm, bridge: Bridge) -> None:
    sync_group(bridge, crm, "HALF")


def the_limits_change(crm: MemoryCrm, bridge: Bridge) -> None:
    change_limits(TargetGroup.objects.get(code="ALL"), Limits(50, None), changed_by="ada")


def a_person_opts_out_here(crm: MemoryCrm, bridge: Bridge) -> None:
    Subscriber.objects.filter(master_customer_id="0002").update(unsubscribed_at=timezone.now())


@pytest.mark.parametrize(
    ("moves", "told"),
    [
        (the_list_changes, "changed in the CRM"),
        (the_list_is_regenerated, "changed in the CRM"),
        (a_person_changes, "changed in the CRM"),
        (the_view_changes, "personalization view changed"),
        (the_group_is_synced, "another sync changed"),
        (another_group_brings_a_member_s_new_data, "another sync changed"),
        (the_limits_change, "limits were changed"),
        (a_person_opts_out_here, "the status of people"),
    ],
)
def test_a_preview_is_not_applied_when_the_world_moved(
    moves: Callable[[MemoryCrm, Bridge], None], told: str
) -> None:
    crm, bridge = a_world_with_everything_to_do()
    preview = preview_group(bridge, crm, "ALL")
    moves(crm, bridge)
    before = [rows for rows, _ in zip(everything(), range(3), strict=False)]
    run = sync_group(bridge, crm, "ALL", preview=preview)
    assert (run.status, run.error_kind) == ("skipped", "moved")
    assert told in run.message
    assert "Make a new preview" in run.message
    assert [rows for rows, _ in zip(everything(), range(3), strict=False)] == before


def test_a_preview_is_not_applied_when_other_removals_are_held_by_now() -> None:
    crm = crm_of(40)
    bridge = bridge_to(crm)
    sync_group(bridge, crm, "ALL")
    crm.lists["ALL"] = {key(n) for n in range(20)}
    preview = preview_group(bridge, crm, "ALL", approve_held=True)
    assert sync_group(bridge, crm, "ALL").status == "held"
    run = sync_group(bridge, crm, "ALL", preview=preview)
    assert (run.status, run.error_kind) == ("skipped", "moved")
    assert "the removals that were held changed" in run.message
    assert len(stored_people(bridge, "ALL")) == 40


def test_other_groups_may_sync_between_a_preview_and_its_run() -> None:
    crm, bridge = a_world_with_everything_to_do()
    crm.people[key(95)] = Person("elsewhere@example.org")
    crm.lists["ELSEWHERE"] = {key(95)}
    from rollkeeper.marketing.bridges.catalog import store_catalog

    store_catalog(bridge, crm.catalog(), timezone.now())
    preview = preview_group(bridge, crm, "ALL")
    sync_group(bridge, crm, "ELSEWHERE")
    assert sync_group(bridge, crm, "ALL", preview=preview).status == "completed"


def test_a_preview_that_is_gone_cannot_be_applied() -> None:
    crm, bridge = a_world_with_everything_to_do()
    preview = preview_group(bridge, crm, "ALL")
    Preview.objects.filter(pk=preview.pk).update(status="cancelled")
    assert sync_group(bridge, crm, "ALL", preview=preview).error_kind == "moved"


def test_a_request_joins_the_one_that_waits_and_a_run_with_a_preview_stays_its_own() -> None:
    bridge = bridge_to(crm_of(3))
    group = TargetGroup.objects.get(code="ALL")
    first = request_preview(group, requested_by="ada")
    assert request_preview(group, requested_by="bob") == first
    assert request_preview(group, requested_by="bob", approve_held=True) != first
    bound = request_applying(first, requested_by="ada")
    assert request_applying(first, requested_by="bob") == bound
    from rollkeeper.marketing.sync_runs.request import request_sync
    from rollkeeper.sync.events import Event, Kind

    plain = request_sync(bridge, Kind.AUDIENCE, Event.OVERNIGHT, group=group, requested_by="the schedule")
    assert (plain != bound, plain.preview) == (True, None)


def test_a_preview_is_cancelled_while_it_waits_and_between_batches() -> None:
    crm = crm_of(20)
    bridge_to(crm)
    group = TargetGroup.objects.get(code="ALL")
    waiting = request_preview(group, requested_by="ada")
    cancel_preview(waiting)
    assert make(waiting.pk).status == "cancelled"
    running = create_preview(group, requested_by="ada", status=Preview.Status.RUNNING)
    _start(running)
    cancel_preview(running)
    from rollkeeper.marketing.previews.make import Cancelled

    with pytest.raises(Cancelled):
        make_from(running, crm)
    assert not PreviewRow.objects.exists()


def test_a_worker_that_was_overtaken_leaves_nothing() -> None:  # B9
    crm = crm_of(20)
    bridge_to(crm)
    preview = create_preview(TargetGroup.objects.get(code="ALL"), requested_by="ada")
    _start(preview)
    Preview.objects.filter(pk=preview.pk).update(attempt=5)
    with pytest.raises(Overtaken):
        make_from(preview, crm)
    assert not PreviewRow.objects.exists()


def test_a_crm_that_does_not_answer_ends_it_with_a_sentence() -> None:
    bridge = bridge_to(crm_of(3))
    Bridge.objects.filter(pk=bridge.pk).update(connector="rollkeeper_crm", url="http://127.0.0.1:9/")
    preview = make(request_preview(TargetGroup.objects.get(code="ALL"), requested_by="ada").pk)
    assert (preview.status, preview.error_kind) == ("failed", "source")
    assert preview.message


def test_old_previews_go_when_the_next_is_made() -> None:
    crm = crm_of(5)
    bridge = bridge_to(crm)
    old = preview_group(bridge, crm, "HALF")
    Preview.objects.filter(pk=old.pk).update(requested_at=timezone.now() - KEPT - timedelta(minutes=1))
    made = [preview_group(bridge, crm, "ALL") for _ in range(KEPT_A_GROUP + 1)]
    left = set(Preview.objects.values_list("pk", flat=True))
    assert left == {preview.pk for preview in made[1:]}
    assert set(PreviewRow.objects.values_list("preview_id", flat=True)) == left
