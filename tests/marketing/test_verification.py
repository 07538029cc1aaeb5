"""`rollkeeper verify`: every defect that a hand can make is found in the rows, told, and repaired by a sync (B1)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.utils import timezone

from rollkeeper.marketing.bridges.catalog import store_catalog
from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.marketing.sync_runs.verification import Verification, mark, verify
from rollkeeper.marketing.sync_runs.verification_words import findings
from rollkeeper.marketing.target_groups.models import TargetGroup
from rollkeeper.sync.connector import TellsRanges
from rollkeeper.sync.member import Field
from tests.fakes.memory_crm import MemoryCrm, Person
from tests.marketing.proved import Synced, by_hand, key, synced_groups
from tests.marketing.syncing import bridge_to, sync_group

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def synced() -> Synced:
    return synced_groups()


def ignored(rows: int) -> None:
    """Progress that nobody looks at."""


@contextmanager
def verified(synced: Synced, folder: Path, code: str = "ALL") -> Iterator[Verification]:
    found = verify(TargetGroup.objects.get(code=code), synced.crm, folder, ignored)
    try:
        yield found
    finally:
        found.close()


def repaired(synced: Synced, folder: Path, code: str = "ALL") -> SyncRun:
    """What `--repair` does: mark and sync."""
    with verified(synced, folder, code) as found:
        if not found.ours.is_sound:
            mark(TargetGroup.objects.get(code=code), found.ours)
    run = synced.sync(code, full=not isinstance(synced.crm, TellsRanges))
    with verified(synced, folder, code) as found:
        assert findings(found) == []
        assert found.is_identical
    return run


def test_what_was_synced_is_identical_by_its_rows_alone(synced: Synced, tmp_path: Path) -> None:
    with verified(synced, tmp_path) as found:
        assert findings(found) == []
        assert found.is_identical
        assert not found.is_explained
        assert found.ours.rows == found.theirs.rows == found.theirs.kept
        assert found.ours.unchecked == 0
        assert not found.theirs.changed_since


DEFECTS = {
    "UPDATE subscriber SET first_name = 'X' WHERE master_customer_id = '0007'": ("other data than was synced", 1),
    "UPDATE subscriber SET f1 = NULL WHERE master_customer_id = '0007'": ("other data than was synced (0007-0)", 1),
    "UPDATE subscriber SET allow_email = false WHERE master_customer_id = '0007'": (
        "other data than was synced",
        1,
    ),
    "UPDATE subscriber SET address_valid = false WHERE master_customer_id = '0007'": ("other data than", 1),
    "UPDATE subscriber SET hash_lo = 5 WHERE master_customer_id = '0007'": ("other data than was synced", 1),
    "UPDATE group_member SET hash_lo = 5 WHERE master_customer_id = '0007'": (
        "another hash than the subscriber",
        0,
    ),
    "DELETE FROM group_member WHERE master_customer_id = '0007'": ("1 missing here", 1),
    "UPDATE group_member SET master_customer_id = '0007x' WHERE master_customer_id = '0007'": ("no subscriber", 1),
    "DELETE FROM subscriber WHERE master_customer_id = '0007'": ("no subscriber", 1),
    "UPDATE target_group SET fingerprint = repeat('3', 32)": ("its rows add up to", 0),
    "UPDATE target_group SET count_valid = count_valid - 1": ("Count Details keeps 39 as count_valid", 0),
    "UPDATE target_group SET count_held = 3": ("Count Details keeps 3 as count_held", 0),
}


@pytest.mark.parametrize("statement", DEFECTS)
def test_what_a_hand_did_is_found_told_and_repaired(synced: Synced, tmp_path: Path, statement: str) -> None:
    words, rows = DEFECTS[statement]
    by_hand(statement)
    with verified(synced, tmp_path) as found:
        assert not found.is_identical
        assert not found.is_explained
        assert words in " ".join(findings(found))
    run = repaired(synced, tmp_path)
    assert (run.repaired, run.identical) == (rows, True)
    assert "something other than a sync wrote" in run.defect
    assert repaired(synced, tmp_path, "HALF").identical  # the same person is in the other group


def test_a_surplus_member_and_a_difference_that_only_the_crm_shows(synced: Synced, tmp_path: Path) -> None:
    by_hand(
        "INSERT INTO group_member (group_id, master_customer_id, sub_customer_id, subscriber_id, hash_hi, hash_lo, "
        "since_run) SELECT (SELECT id FROM target_group WHERE code = 'HALF'), master_customer_id, sub_customer_id, "
        "subscriber_id, hash_hi, hash_lo, 1 FROM group_member WHERE master_customer_id = '0033'"
    )
    with verified(synced, tmp_path, "HALF") as found:
        assert "1 not in the CRM's list" in " ".join(findings(found))
    assert repaired(synced, tmp_path, "HALF").removed == 1


def test_a_list_that_changed_since_the_last_sync_is_told_as_that(synced: Synced, tmp_path: Path) -> None:
    synced.crm.change(key(3), first_name="New")
    with verified(synced, tmp_path) as found:
        assert (found.between.other, found.theirs.changed_since, found.ours.is_sound) == (1, True, True)
        assert "sync first" in " ".join(findings(found))


def test_other_personalization_fields_are_told_as_that(synced: Synced, tmp_path: Path) -> None:  # S25
    synced.crm.fields = (Field("points", "Points", "integer"),)
    with verified(synced, tmp_path) as found:
        assert found.between.fields_moved
        assert not found.is_identical
        assert "personalization fields" in " ".join(findings(found))
    synced.sync()
    with verified(synced, tmp_path) as found:
        assert found.is_identical
    with verified(synced, tmp_path, "HALF") as found:  # the sync of ALL wrote its people, too
        assert found.is_identical


def test_contents_that_were_synced_under_other_fields_are_not_taken_for_damage(  # S25
    synced: Synced, tmp_path: Path
) -> None:
    fields = (Field("points", "Points", "integer"),)
    synced.crm.fields = fields
    store_catalog(synced.bridge, synced.crm.catalog(), timezone.now())
    with verified(synced, tmp_path) as found:
        assert (found.ours.data, found.ours.unchecked, found.is_identical) == (0, 40, False)
        assert "could not be checked: sync first" in " ".join(findings(found))


def test_a_crm_that_contradicts_itself_is_told(synced: Synced, tmp_path: Path) -> None:
    synced.crm.kept_wrong = 77
    with verified(synced, tmp_path) as found:
        assert (found.ours.is_sound, found.theirs.is_consistent, found.between.count) == (True, False, 0)
        assert "The CRM contradicts itself" in " ".join(findings(found))


def test_held_removals_and_rows_set_aside_explain_what_differs(synced: Synced, tmp_path: Path) -> None:  # B3 B7
    crm = synced.crm
    crm.lists["ALL"] -= {key(n) for n in range(15)}
    crm.repeat = {key(30)}
    crm.change(key(30), first_name="Twice")
    sync_group(synced.bridge, crm, "ALL")
    with verified(synced, tmp_path) as found:
        assert (found.is_identical, found.is_explained, found.between.count) == (False, True, 0)
        assert findings(found) == ["2 rows are set aside and 15 removals held: that explains the difference."]


def test_a_crm_that_tells_no_ranges_is_read_whole(tmp_path: Path) -> None:
    class NoRanges(MemoryCrm):
        range_sums = None  # type: ignore[assignment]

    people = {key(n): Person(f"p{n}@example.org", "P") for n in range(10)}
    crm = NoRanges(people=people, lists={"ALL": set(people)})
    made = Synced(crm, bridge_to(crm))
    made.sync()
    with verified(made, tmp_path) as found:
        assert found.is_identical
    by_hand("DELETE FROM group_member WHERE master_customer_id = '0007'")
    with verified(made, tmp_path) as found:
        assert (found.between.missing, found.theirs.rows.members) == (1, 10)
    assert repaired(made, tmp_path).identical
