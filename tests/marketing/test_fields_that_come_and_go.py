"""A personalization field that leaves the view and comes back (S25): its values are there after the next sync.

The rows of a list hash as they did before the field went, so nothing tells the merge to write them again.
"""

from __future__ import annotations

import pytest
from django.utils import timezone

from rollkeeper.marketing.bridges.catalog import store_catalog
from rollkeeper.marketing.bridges.models import SLOTS, Bridge
from rollkeeper.marketing.target_groups import fingerprints
from rollkeeper.marketing.target_groups.models import TargetGroup
from rollkeeper.postgres.connection import connect
from rollkeeper.sync.member import Field
from tests.fakes.memory_crm import MemoryCrm, Person
from tests.marketing.syncing import bridge_to, slot_of, stored_people, sync_group

pytestmark = pytest.mark.django_db(transaction=True)

KEY = ("0001", "0")
CITY, TIER = Field("city", "City", "text"), Field("tier", "Tier", "text")


def refreshed(bridge: Bridge, crm: MemoryCrm, *fields: Field) -> None:
    crm.fields = fields
    store_catalog(bridge, crm.catalog(), timezone.now())


def a_crm(**values: str) -> MemoryCrm:
    person = Person("a@example.org", "A", "B", True, tuple(values.items()))
    return MemoryCrm(people={KEY: person}, lists={"ALPHA": {KEY}}, fields=(CITY,))


def value(bridge: Bridge, name: str) -> str | None:
    found = getattr(stored_people(bridge, "ALPHA")[KEY], slot_of(bridge, name))
    assert found is None or isinstance(found, str)
    return found


@pytest.mark.parametrize("meanwhile", [(), (TIER,), (TIER, Field("chapter", "Chapter", "text"))])
def test_a_field_that_comes_back_has_its_values(meanwhile: tuple[Field, ...]) -> None:
    crm = a_crm(city="Köln", tier="gold", chapter="North")
    bridge = bridge_to(crm)
    sync_group(bridge, crm, "ALPHA")
    refreshed(bridge, crm, *meanwhile)
    refreshed(bridge, crm, CITY)
    assert sync_group(bridge, crm, "ALPHA").identical
    assert value(bridge, "city") == "Köln"


def test_a_new_field_does_not_show_the_values_of_one_that_went() -> None:
    crm = a_crm(city="Köln")
    bridge = bridge_to(crm)
    sync_group(bridge, crm, "ALPHA")
    refreshed(bridge, crm, TIER)
    assert value(bridge, "tier") is None


def test_a_field_whose_slot_was_needed_has_its_values_after_the_next_sync() -> None:
    """After more names than there are slots, the field that went first loses its slot, and nothing else."""
    crm = a_crm(city="Köln")
    bridge = bridge_to(crm)
    sync_group(bridge, crm, "ALPHA")
    refreshed(bridge, crm, *(Field(f"field {number}", "Field", "text") for number in range(SLOTS)))
    group = TargetGroup.objects.get(code="ALPHA")
    with connect() as connection:
        assert group.fingerprint == fingerprints.recomputed(connection, group.pk)
    refreshed(bridge, crm, CITY)
    run = sync_group(bridge, crm, "ALPHA")
    assert (run.updated, run.unchanged) == (1, 0)
    assert run.identical
    assert value(bridge, "city") == "Köln"
