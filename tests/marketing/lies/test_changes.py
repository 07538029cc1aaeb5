"""What a CRM says wrongly of changes, ranges and states of a list: the group ends as the list is, or as it was (B9).

`test_whole_lists.py` has the lies that a check of the stream finds. These pass every such check.
"""

from __future__ import annotations

import pytest

from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.marketing.subscribers.models import Subscriber
from rollkeeper.marketing.target_groups.fingerprints import recomputed
from rollkeeper.marketing.target_groups.models import GroupMember, TargetGroup
from rollkeeper.postgres.connection import connect
from tests.fakes.lies import (
    Backwards,
    Cut,
    HangUp,
    Lie,
    NoClosing,
    NothingThere,
    OutOfOrder,
    SaysLeft,
    SaysNothingChanged,
    SendsInstead,
    SendsRow,
    Status,
    WrongSums,
)
from tests.fakes.lying_crm import LyingCrm, members
from tests.marketing.lies.lied_to import CHANGED, FIELDS, ROWS, everything, sync
from tests.marketing.lies.test_whole_lists import LIES

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


TWINS = [
    {"master_customer_id": master, "sub_customer_id": sub, "email": f"{n}@example.org", "city": "Ely"}
    for n, (master, sub) in enumerate(
        [("ab", "0"), ("AB", "0"), ("ab ", "0"), ("ab", "0 "), (" ab", "0"), ("ab", "00")]
    )
]


def is_the_list(crm: LyingCrm, group: TargetGroup) -> None:
    """The group is the CRM's list, row by row, and what is kept of it is what its rows add up to."""
    rows = crm.lists["TX"].rows
    assert rows is not None
    listed = {
        (row["master_customer_id"], row["sub_customer_id"]): (row["email"], row["allow_email"], row["city"])
        for row in rows.to_pylist()
    }
    found = GroupMember.objects.filter(group=group).select_related("subscriber")
    assert {
        (each.master_customer_id, each.sub_customer_id): (
            each.subscriber.email, each.subscriber.allow_email, each.subscriber.f1,
        )
        for each in found
    } == listed  # fmt: skip
    kept = TargetGroup.objects.get(pk=group.pk)
    with connect() as own:
        assert kept.fingerprint == kept.crm_fingerprint == recomputed(own, group.pk)
    assert kept.count_members == len(listed)


@pytest.mark.parametrize("lie", [*LIES, Backwards()], ids=lambda lie: repr(lie)[:40])
def test_a_lie_told_of_the_whole_list_leaves_the_group_exactly_as_it_was(
    lie: Lie, crm: LyingCrm, group: TargetGroup
) -> None:
    before = everything()
    crm.lie = lie
    run = sync(group, full=True)
    assert (run.status, run.error_kind) == ("failed", "source")
    assert everything() == before
    crm.lie = None
    assert sync(group).identical
    is_the_list(crm, group)


@pytest.mark.parametrize(
    "lie",
    [
        SaysNothingChanged(on="since="),
        SendsInstead(members(FIELDS, ROWS[60:63]), on="since="),
        SendsInstead(members(FIELDS, ROWS[:1]), on="since="),
        SaysLeft("0150", on="since="),
        NothingThere(on="since="),
    ],
    ids=["says that nothing changed", "reverts", "brings back who left", "removes a member", "sends nothing"],
)
def test_false_changes_are_found_by_the_proof_and_repaired_in_the_same_run(
    lie: Lie, crm: LyingCrm, group: TargetGroup
) -> None:  # B1
    crm.lie = lie
    run = sync(group)
    assert (run.status, run.identical) == ("completed", True)
    assert run.defect
    is_the_list(crm, group)
    crm.lie = None
    assert sync(group).mode == "unchanged"


def test_a_member_that_is_sent_though_nothing_changed_is_no_change(crm: LyingCrm, group: TargetGroup) -> None:
    assert sync(group).identical
    crm.put("TX", members(FIELDS, [*CHANGED[:-1], {**CHANGED[-1], "city": "Ulm"}]))
    crm.lie = SendsInstead(members(FIELDS, CHANGED[10:20]), on="since=")
    run = sync(group)
    assert (run.mode, run.received, run.updated, run.unchanged, run.defect) == ("delta", 11, 1, 10, "")
    is_the_list(crm, group)


def test_a_change_there_and_back_between_two_syncs_is_none(crm: LyingCrm, group: TargetGroup) -> None:
    crm.put("TX", members(FIELDS, ROWS))
    run = sync(group)
    assert (run.mode, run.updated) == ("unchanged", 0)
    is_the_list(crm, group)


def test_the_same_list_in_another_order_is_refused_in_either_mode(crm: LyingCrm, group: TargetGroup) -> None:
    assert sync(group).identical
    before = everything()
    crm.lie = Backwards()
    assert sync(group, full=True).status == "failed"
    crm.put("TX", members(FIELDS, ROWS))
    assert sync(group).status == "failed"
    assert everything() == before
    crm.lie = None
    assert sync(group).identical
    is_the_list(crm, group)


# -- while the rows that differ are looked for


def forgotten(crm: LyingCrm, group: TargetGroup) -> None:
    """The CRM believes that the token's state had some of the changes already: it will not tell them."""
    token = TargetGroup.objects.get(pk=group.pk).change_token
    crm.states[token] = ("TX", members(FIELDS, [*ROWS[:40], *CHANGED[35:60], *ROWS[65:]]))


@pytest.mark.parametrize(
    "lie",
    [
        Status(500, on="RangeSums"),
        HangUp(on="RangeSums"),
        WrongSums(short=True, on="RangeSums"),
        WrongSums(on="RangeSums"),
        Cut(after=300, on="first="),
        NoClosing(on="first="),
        OutOfOrder(on="first="),
        SendsRow(ROWS[0]["master_customer_id"], on="first="),
        NothingThere(on="first="),
    ],
    ids=lambda lie: repr(lie)[:50],
)
def test_a_lie_about_ranges_ends_in_the_list_all_the_same(
    lie: Lie, crm: LyingCrm, group: TargetGroup
) -> None:  # B1
    forgotten(crm, group)
    crm.lie = lie
    run = sync(group)
    assert run.status == "completed", run.message
    assert run.defect
    is_the_list(crm, group)
    crm.lie = None
    assert sync(group).mode == "unchanged"


# -- tokens


@pytest.mark.parametrize("token", ["garbage", "ł" * 3000, "token-999", "'; --", "a b&also=[]"])
def test_a_token_that_is_none_leads_to_the_whole_list(token: str, crm: LyingCrm, group: TargetGroup) -> None:  # B2
    TargetGroup.objects.update(change_token=token)
    run = sync(group)
    assert (run.status, run.mode, run.identical) == ("completed", "full", True)
    is_the_list(crm, group)
    assert sync(group).mode == "unchanged"


def test_the_token_of_another_crm_leads_to_the_whole_list(crm: LyingCrm, group: TargetGroup) -> None:
    """The bridge is pointed at a CRM that knows the same token as the name of another state."""
    with LyingCrm(FIELDS, {"TX": members(FIELDS, ROWS[50:])}) as other:
        other.states = {token: ("TX", members(FIELDS, ROWS[50:])) for token in crm.states}
        other.token = crm.token
        Bridge.objects.update(url=other.url)
        changed = TargetGroup.objects.get(pk=group.pk)
        held = sync(changed)
        assert (held.status, held.held, held.members) == ("held", 50, 200)  # B3: a quarter would leave
        assert sync(changed, approve=True).identical
        is_the_list(other, group)


def test_a_crm_whose_database_was_restored_is_followed_back(crm: LyingCrm, group: TargetGroup) -> None:
    """It has an older list under an older version, and knows no token that it gave out since."""
    known, version = dict(crm.states), crm.lists["TX"]
    assert sync(group).identical
    crm.lists["TX"], crm.states = version, known
    crm.put("TX", members(FIELDS, ROWS))
    crm.states = known
    run = sync(group)
    assert (run.status, run.mode, run.identical) == ("completed", "full", True)
    is_the_list(crm, group)


def test_a_restored_crm_that_takes_a_newer_token_for_its_own_is_found_out(
    crm: LyingCrm, group: TargetGroup
) -> None:
    """Without an epoch in its tokens the same name comes to stand for another state: the proof finds it (B1)."""
    assert sync(group).identical
    token = TargetGroup.objects.get(pk=group.pk).change_token
    crm.put("TX", members(FIELDS, ROWS))
    crm.states[token] = ("TX", members(FIELDS, ROWS))
    run = sync(group)
    assert (run.status, run.identical) == ("completed", True)
    assert run.repaired == 200
    is_the_list(crm, group)


# -- ids and lists


def test_ids_that_differ_in_case_or_a_space_are_different_people(crm: LyingCrm, group: TargetGroup) -> None:
    crm.put("TX", members(FIELDS, [*ROWS, *TWINS]))
    run = sync(group)
    assert (run.mode, run.added, run.set_aside, run.identical) == ("delta", 6, 0, True)
    is_the_list(crm, group)
    crm.put("TX", members(FIELDS, [*ROWS, {**TWINS[0], "allow_email": False}, *TWINS[2:]]))
    run = sync(group)
    assert (run.mode, run.updated, run.removed, run.unsubscribed) == ("delta", 1, 1, 1)
    is_the_list(crm, group)
    assert sync(group, full=True).unchanged == 205
    assert Subscriber.objects.filter(master_customer_id__iexact="ab").count() == 4


def test_a_list_that_becomes_empty_is_held_when_only_the_changes_travel(crm: LyingCrm, group: TargetGroup) -> None:
    crm.put("TX", members(FIELDS, []))
    run = sync(group)
    assert (run.mode, run.status, run.held, run.members) == ("delta", "held", 200, 200)  # B3
    crm.put("TX", members(FIELDS, CHANGED))
    run = sync(group)
    assert (run.status, run.removed, run.held, run.identical) == ("completed", 5, 0, True)
    is_the_list(crm, group)
