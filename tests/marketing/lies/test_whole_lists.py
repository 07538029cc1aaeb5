"""Whatever the CRM does wrong: the run fails with a plain sentence and the target group is exactly as it was (B3 B9)."""

from __future__ import annotations

import pytest

from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.marketing.subscribers.models import Subscriber
from rollkeeper.marketing.target_groups.models import TargetGroup
from tests.fakes.lies import (
    ColumnMissing,
    ColumnNew,
    Cut,
    Document,
    Doubled,
    Forgets,
    HangUp,
    Html,
    Lie,
    NoClosing,
    NothingThere,
    OutOfOrder,
    Redirect,
    Stall,
    Status,
    TypeChanged,
    UnknownRemoval,
    WrongCount,
    WrongFingerprint,
    WrongListCount,
    WrongListFingerprint,
    WrongRow,
)
from tests.fakes.lying_crm import LyingCrm
from tests.marketing.lies.lied_to import everything, sync

pytestmark = pytest.mark.django_db(transaction=True)


LIES = [
    HangUp(), Stall(after=10), Stall(after=3000), Cut(after=2000), Cut(after=2000, cleanly=True), Status(500), Status(503),
    Status(401), Status(403), Html(), Redirect(), Document(b"{}"), Document(b"", "application/vnd.apache.arrow.stream"),
    Document(b"\x00" * 5000, "application/vnd.apache.arrow.stream"), WrongCount(), WrongCount(by=-1),
    WrongFingerprint(), NoClosing(), OutOfOrder(row=10), ColumnMissing("city"), ColumnMissing("email"), ColumnNew(),
    TypeChanged("email"),
]  # fmt: skip


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: repr(lie)[:40])
def test_a_lie_fails_the_run_and_leaves_the_group_exactly_as_it_was(
    lie: Lie, crm: LyingCrm, group: TargetGroup
) -> None:
    before = everything()
    crm.lie = lie
    run = sync(group)
    assert (run.status, run.error_kind) == ("failed", "source")
    assert run.message.endswith((".", "?"))
    assert "Traceback" not in run.message
    assert "<" not in run.message
    assert everything() == before
    crm.lie = None
    assert sync(group).identical


def test_a_crm_that_is_down_fails_the_run_and_leaves_the_group_exactly_as_it_was(group: TargetGroup) -> None:
    before = everything()
    Bridge.objects.update(url="http://127.0.0.1:9/")
    run = sync(TargetGroup.objects.get(pk=group.pk))
    assert (run.status, run.error_kind) == ("failed", "source")
    assert everything() == before


def test_an_empty_list_holds_every_removal(crm: LyingCrm, group: TargetGroup) -> None:  # B3
    crm.lie = NothingThere()
    run = sync(group)
    assert (run.status, run.held, run.members) == ("held", 200, 200)


def test_a_row_that_comes_twice_is_set_aside_and_the_rest_is_taken(crm: LyingCrm, group: TargetGroup) -> None:  # B7
    crm.lie = Doubled(row=10)
    run = sync(group)
    assert (run.status, run.received, run.set_aside, run.updated, run.removed) == ("completed", 196, 2, 194, 5)


def test_a_list_that_is_gone_marks_the_group_and_keeps_its_people(crm: LyingCrm, group: TargetGroup) -> None:  # S29
    del crm.lists["TX"]
    run = sync(group)
    assert run.status == "failed"
    changed = TargetGroup.objects.get(pk=group.pk)
    assert changed.missing_at_source
    assert changed.count_members == 200


DELTA_LIES = [
    WrongCount(on="since="), WrongFingerprint(on="since="), OutOfOrder(row=10, on="since="), ColumnMissing("city", on="since="),
    ColumnMissing("@removed", on="since="), NoClosing(on="since="), TypeChanged("email", on="since="),
    UnknownRemoval(on="since="),
]  # fmt: skip


@pytest.mark.parametrize("lie", DELTA_LIES, ids=lambda lie: repr(lie)[:40])
def test_changes_that_cannot_be_right_are_not_used_and_all_of_the_list_is_pulled(
    lie: Lie, crm: LyingCrm, group: TargetGroup
) -> None:  # B1 B2
    crm.lie = lie
    run = sync(group)
    assert (run.status, run.mode, run.updated, run.removed, run.identical) == ("completed", "full", 195, 5, True)
    assert "cannot be right" in run.defect
    crm.lie = None
    assert sync(group).mode == "unchanged"


@pytest.mark.parametrize("lie", [Cut(after=2000, on="since="), HangUp(on="since="), Status(503, on="since=")],
                         ids=lambda lie: type(lie).__name__)  # fmt: skip
def test_changes_that_break_off_fail_the_run_and_come_again(
    lie: Lie, crm: LyingCrm, group: TargetGroup
) -> None:  # B9
    before = everything()
    crm.lie = lie
    assert sync(group).status == "failed"
    assert everything() == before
    crm.lie = None
    run = sync(group)
    assert (run.mode, run.updated, run.removed, run.identical) == ("delta", 195, 5, True)


def test_a_change_that_is_left_out_is_found_and_repaired(crm: LyingCrm, group: TargetGroup) -> None:  # B1
    crm.lie = Forgets("0150")
    run = sync(group)
    assert (run.status, run.updated, run.removed, run.repaired, run.identical) == ("completed", 195, 5, 1, True)
    assert run.defect
    assert Subscriber.objects.get(master_customer_id="0150").allow_email
    crm.lie = None
    assert sync(group).mode == "unchanged"


@pytest.mark.parametrize("lie", [WrongListFingerprint(), WrongListCount()], ids=lambda lie: type(lie).__name__)
def test_what_the_crm_keeps_wrong_for_ever_is_told_and_ends(
    lie: Lie, crm: LyingCrm, group: TargetGroup
) -> None:  # B1
    crm.lie = lie
    for _ in range(3):
        asked = len(crm.requests)
        run = sync(group)
        assert run.status == "completed", run.message
        assert run.defect
        assert len(crm.requests) - asked <= 12
    people = {person.master_customer_id: person.allow_email for person in Subscriber.objects.all()}
    assert people["0050"] is False
    assert run.members == 195


def test_a_row_whose_hash_is_not_its_contents_is_set_aside_until_it_is_well(
    crm: LyingCrm, group: TargetGroup
) -> None:  # B7
    crm.lie = WrongRow("0150")
    run = sync(group)
    assert (run.mode, run.updated, run.set_aside, run.members) == ("delta", 194, 1, 195)
    assert (sync(group).set_aside, sync(group).received) == (1, 1)
    crm.lie = None
    well = sync(group)
    assert (well.mode, well.updated, well.set_aside, well.identical) == ("delta", 1, 0, True)
