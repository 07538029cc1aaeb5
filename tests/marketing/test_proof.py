"""A defect is found by the next sync that compares, repaired in it, and told (B1): rows changed behind its back."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import fields

import pytest

from rollkeeper.marketing.subscribers.models import Subscriber
from rollkeeper.marketing.sync_runs.models import HeldRemoval, SetAsideRow
from rollkeeper.marketing.target_groups.models import TargetGroup
from rollkeeper.sync.connector import Pull, RangeSums, SourceNonsense, SourceUnavailable
from tests.fakes.memory_crm import Key, MemoryCrm, Person
from tests.marketing.proved import Synced, by_hand, key, synced_groups
from tests.marketing.syncing import bridge_to, stored_people, sync_group

pytestmark = pytest.mark.django_db(transaction=True)

OURS = "something other than a sync wrote"
THEIRS = "the CRM had left them out of its changes"


@pytest.fixture
def synced() -> Synced:
    return synced_groups()


DEFECTS = {
    "a membership was deleted": (
        "DELETE FROM group_member WHERE master_customer_id = '0007' AND group_id = {ALL}",
        "1 missing here",
    ),
    "someone was put in": (
        (
            "INSERT INTO group_member (group_id, master_customer_id, sub_customer_id, subscriber_id, hash_hi, hash_lo, "
            "since_run) SELECT {HALF}, '0033', '0', subscriber_id, hash_hi, hash_lo, 1 FROM group_member "
            "WHERE group_id = {ALL} AND master_customer_id = '0033'"
        ),
        "1 not in the CRM's list",
    ),
    "a hash was damaged": (
        "UPDATE group_member SET hash_lo = hash_lo + 1 WHERE master_customer_id = '0007' AND group_id = {ALL}",
        "1 with other data",
    ),
    "a person was changed, and the hash with it": (
        (
            "UPDATE subscriber SET first_name = 'X', hash_hi = 1 WHERE master_customer_id = '0007'; "
            "UPDATE group_member SET hash_hi = 1 WHERE master_customer_id = '0007' AND group_id = {ALL}"
        ),
        "1 with other data",
    ),
}


@pytest.mark.parametrize("what", DEFECTS)
@pytest.mark.parametrize("how", ["changes", "whole"])
def test_what_was_changed_here_by_hand_is_found_repaired_and_told(synced: Synced, what: str, how: str) -> None:
    statement, words = DEFECTS[what]
    groups = {group.code: group.pk for group in TargetGroup.objects.all()}
    by_hand(statement.format(**groups))
    code = "HALF" if "{HALF}" in statement else "ALL"
    if how == "whole":
        run = synced.sync(code, full=True)
    else:
        # What is kept of the group says nothing of it yet: the next change in the list brings it to light.
        by_hand(f"UPDATE target_group SET fingerprint = '{'1' * 32}' WHERE code = '{code}'")
        run = synced.sync(code)
        assert synced.crm.asked[-1] == "range"
        assert run.mode == "delta"
    assert (run.status, run.repaired, run.identical) == ("completed", 1, True)
    assert words in run.defect
    assert OURS in run.defect
    assert TargetGroup.objects.get(code=code).verified_at == run.finished_at
    again = synced.sync(code)
    assert (again.defect, again.repaired, again.mode) == ("", 0, "unchanged")


@pytest.mark.parametrize("change", ["first_name = 'X'", "allow_email = NOT allow_email", "f1 = NULL",
                                    "address_valid = false", "email = NULL"])  # fmt: skip
def test_data_that_was_changed_by_hand_is_found_by_the_next_sync_of_each_group(synced: Synced, change: str) -> None:
    by_hand(f"UPDATE subscriber SET {change} WHERE master_customer_id IN ('0007', '0011')")
    run = synced.sync()
    assert (run.mode, run.received, run.repaired, run.identical) == ("delta", 2, 2, True)
    assert "2 with other data" in run.defect
    assert OURS in run.defect
    other = synced.sync("HALF")
    assert (other.repaired, other.identical) == (0, True)  # the people are well again; what was kept was void
    assert OURS in other.defect
    assert (synced.sync().defect, synced.sync("HALF").defect) == ("", "")


def test_what_a_person_did_here_is_no_defect(synced: Synced) -> None:  # S30
    by_hand("UPDATE subscriber SET unsubscribed_at = now(), bounced_at = now() WHERE master_customer_id = '0007'")
    assert (synced.crm.asked, sync_group(synced.bridge, synced.crm, "ALL").defect) == (synced.crm.asked, "")


def test_only_the_kept_figures_were_wrong(synced: Synced) -> None:
    by_hand("UPDATE target_group SET fingerprint = repeat('a', 32), count_members = 77 WHERE code = 'ALL'")
    run = synced.sync()
    assert (run.status, run.repaired, run.identical) == ("completed", 0, True)
    assert OURS in run.defect


@pytest.mark.parametrize("kind", ["changed", "came", "left"])
def test_a_change_that_the_crm_forgets_is_found_by_the_same_sync_and_blamed_on_it(
    synced: Synced, kind: str
) -> None:
    crm = synced.crm
    crm.change(key(3), first_name="Told")
    match kind:
        case "changed":
            crm.change(key(9), allow_email=False)
            crm.forgotten = {key(9)}
        case "came":
            crm.people[key(70)] = Person("new@example.org")
            crm.lists["ALL"].add(key(70))
            crm.forgotten = {key(70)}
        case "left":
            crm.lists["ALL"].remove(key(9))
            crm.forgotten = {key(9)}
    run = synced.sync()
    assert (run.status, run.mode, run.repaired, run.identical) == ("completed", "delta", 1, True)
    assert THEIRS in run.defect
    assert OURS not in run.defect
    assert run.received == 2  # what was told and what was not: the list did not travel
    assert crm.asked[-2:] == ["changes", "range"]
    assert synced.sync().defect == ""


def test_a_list_that_moves_while_it_is_repaired_is_pulled_whole_in_the_end(synced: Synced) -> None:
    class Moving(MemoryCrm):
        def members_between(self, code: str, first: Key | None, end: Key | None) -> AbstractContextManager[Pull]:
            self.change(key(1), first_name=f"After {len(self.asked)}")
            return super().members_between(code, first, end)

    synced.crm.change(key(9), first_name="Forgotten")
    moving = Moving(**{each.name: getattr(synced.crm, each.name) for each in fields(MemoryCrm)})
    moving.forgotten = {key(9)}
    synced.crm = moving
    run = synced.sync()
    assert (run.status, run.mode, run.updated, run.identical) == ("completed", "full", 2, True)
    assert "All of the list was pulled." in run.defect
    assert synced.sync().defect == ""


@pytest.mark.parametrize("error", [SourceUnavailable, SourceNonsense])
def test_a_crm_that_cannot_tell_ranges_just_now_is_pulled_whole(synced: Synced, error: type[Exception]) -> None:
    class Tired(MemoryCrm):
        def range_sums(self, code: str, bounds: Sequence[Key]) -> RangeSums:
            raise error("The CRM fell silent.")

    synced.crm.change(key(9), first_name="Forgotten")
    synced.crm = Tired(**{each.name: getattr(synced.crm, each.name) for each in fields(MemoryCrm)})
    synced.crm.forgotten = {key(9)}
    run = synced.sync()
    assert (run.status, run.mode, run.updated, run.identical) == ("completed", "full", 1, True)
    assert run.defect


def test_many_forgotten_changes_bring_the_whole_list_and_are_counted(
    synced: Synced, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rollkeeper.sync.narrow.FEW_ROWS", 3)
    monkeypatch.setattr("rollkeeper.marketing.sync_runs.proof.FEW_ROWS", 3)
    for number in range(30):
        synced.crm.change(key(number), first_name="Changed")
    synced.crm.forgotten = {key(number) for number in range(25)}
    run = synced.sync()
    assert (run.mode, run.updated, run.repaired, run.identical) == ("full", 30, 25, True)
    assert "25 rows were not as the CRM has them" in run.defect
    assert "All of the list was pulled." in run.defect


def test_a_crm_that_contradicts_itself_is_told_so_once_and_compared_with_all_the_same(synced: Synced) -> None:
    synced.crm.kept_wrong = 12345
    run = synced.sync()
    assert (run.status, run.repaired, run.identical) == ("completed", 0, True)
    assert "The CRM contradicts itself" in run.defect
    asked = len(synced.crm.asked)
    again = synced.sync()
    assert (again.mode, again.identical) == ("unchanged", True)
    assert "still contradicts itself" in again.defect
    assert len(synced.crm.asked) == asked + 1  # it is not looked for again
    synced.crm.change(key(3), first_name="New")
    changed = synced.sync()
    assert (changed.mode, changed.updated, changed.identical, changed.repaired) == ("delta", 1, True, 0)
    synced.crm.change(key(4), first_name="New")
    synced.crm.change(key(5), first_name="New")
    synced.crm.forgotten = {key(5)}
    forgot = synced.sync()  # a row that differs beside the known difference
    assert (forgot.mode, forgot.updated, forgot.repaired, forgot.identical) == ("delta", 2, 1, True)
    assert THEIRS in forgot.defect
    synced.crm.forgotten = set()
    synced.crm.kept_wrong = 0
    well = synced.sync()
    assert (well.defect, well.identical, TargetGroup.objects.get(code="ALL").crm_excess) == ("", True, "")


def test_a_crm_that_contradicts_itself_at_a_full_pull_is_told_too(synced: Synced) -> None:
    synced.crm.kept_wrong = 9
    run = synced.sync(full=True)
    assert "The CRM contradicts itself" in run.defect
    assert (run.identical, synced.sync().mode) == (True, "unchanged")


def test_held_removals_and_rows_set_aside_are_no_defects(synced: Synced) -> None:  # B3 B7
    crm = synced.crm
    crm.lists["ALL"] -= {key(n) for n in range(15)}
    held = sync_group(synced.bridge, crm, "ALL")
    assert (held.status, held.held, held.defect, held.repaired) == ("held", 15, "", 0)
    crm.repeat = {key(30)}
    crm.change(key(30), first_name="Twice")
    aside = sync_group(synced.bridge, crm, "ALL")
    assert (aside.status, aside.set_aside, aside.defect, aside.repaired) == ("held", 2, "", 0)
    assert "range" not in crm.asked


def test_a_defect_beside_held_removals_and_rows_set_aside_is_found_alone(synced: Synced) -> None:  # B3 B7
    crm = synced.crm
    crm.lists["ALL"] -= {key(n) for n in range(15)}
    crm.repeat = {key(30)}
    crm.change(key(30), first_name="Twice")
    sync_group(synced.bridge, crm, "ALL")
    crm.change(key(25), first_name="Forgotten")
    crm.forgotten = {key(25)}
    run = sync_group(synced.bridge, crm, "ALL")
    assert (run.status, run.held, run.set_aside, run.updated, run.repaired) == ("held", 15, 2, 1, 1)
    assert THEIRS in run.defect
    assert HeldRemoval.objects.count() == 15
    assert SetAsideRow.objects.filter(run=run).count() == 2
    assert stored_people(synced.bridge, "ALL")[key(25)].first_name == "Forgotten"
    assert stored_people(synced.bridge, "ALL")[key(30)].first_name == "P"


def test_the_guard_holds_removals_that_only_the_proof_found(synced: Synced) -> None:  # B3
    leaving = {key(n) for n in range(15)}
    synced.crm.lists["ALL"] -= leaving
    synced.crm.forgotten = leaving
    run = sync_group(synced.bridge, synced.crm, "ALL")
    assert (run.status, run.held, run.repaired, run.members) == ("held", 15, 15, 40)
    assert "holds the removals" in run.defect
    assert Subscriber.objects.count() == 40


def test_a_crm_that_tells_no_ranges_is_pulled_whole() -> None:
    class NoRanges(MemoryCrm):
        range_sums = None  # type: ignore[assignment]

    people = {key(n): Person(f"p{n}@example.org", "P") for n in range(10)}
    crm = NoRanges(people=people, lists={"ALL": set(people)})
    made = Synced(crm, bridge_to(crm))
    made.sync()
    crm.change(key(3), first_name="Forgotten")
    crm.forgotten = {key(3)}
    run = made.sync()
    assert (run.mode, run.repaired, run.identical) == ("full", 1, True)
    assert THEIRS in run.defect
