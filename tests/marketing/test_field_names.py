"""A personalization field may have any name, also that of a column of ours (S25)."""

from __future__ import annotations

import pytest

from rollkeeper.sync.member import Field
from tests.fakes.memory_crm import MemoryCrm, Person
from tests.marketing.syncing import bridge_to, slot_of, stored_people, sync_group

pytestmark = pytest.mark.django_db(transaction=True)

NAMES = (
    "id", "bridge_id", "group_id", "subscriber_id", "revision", "first_run", "last_run", "since_run",
    "address_valid", "status", "f1", "f7", "subscriber",
)  # fmt: skip
OLD, NEW, JOINS = ("0001", "0"), ("0002", "0"), ("0003", "0")


def a_person(mark: str) -> Person:
    return Person(f"{mark}@example.org", "A", "B", True, tuple((name, f"{mark} {name}") for name in NAMES))


def test_values_are_stored_under_their_own_field_whatever_its_name() -> None:
    crm = MemoryCrm(
        people={OLD: a_person("old"), NEW: a_person("new"), JOINS: a_person("joins")},
        lists={"ALPHA": {OLD}, "BETA": {JOINS}},
        fields=tuple(Field(name, name.title(), "text") for name in NAMES),
    )
    bridge = bridge_to(crm)
    assert sync_group(bridge, crm, "ALPHA").identical  # all new, into a bridge without people
    assert sync_group(bridge, crm, "BETA").identical
    crm.lists["ALPHA"] |= {NEW, JOINS}
    crm.people[OLD] = a_person("changed")
    run = sync_group(bridge, crm, "ALPHA")  # one changed, one new, one known from the other group
    assert run.identical
    assert (run.added, run.updated) == (2, 1)
    stored = stored_people(bridge, "ALPHA")
    for key, mark in ((OLD, "changed"), (NEW, "new"), (JOINS, "joins")):
        assert {name: getattr(stored[key], slot_of(bridge, name)) for name in NAMES} == {
            name: f"{mark} {name}" for name in NAMES
        }
        assert stored[key].address_valid
