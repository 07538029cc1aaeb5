"""A group that was synced with a CRM in memory, and a hand in its tables."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection

from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.marketing.target_groups import funnel
from rollkeeper.marketing.target_groups.fingerprints import recomputed
from rollkeeper.marketing.target_groups.models import TargetGroup
from rollkeeper.postgres.connection import connect
from rollkeeper.sync.member import Field
from tests.fakes.memory_crm import Key, MemoryCrm, Person
from tests.marketing.syncing import bridge_to, stored_people, sync_group

CITY = (Field("city", "City", "text"),)


def key(number: int) -> Key:
    return (f"{number:04}", "0")


@dataclass
class Synced:
    """A group that was synced with a CRM in memory, and a person of each of two lists."""

    crm: MemoryCrm
    bridge: Bridge

    def sync(self, code: str = "ALL", *, full: bool = False) -> SyncRun:
        run = sync_group(self.bridge, self.crm, code, full=full)
        self.check(code)
        return run

    def check(self, code: str = "ALL") -> None:
        """The group is what the list is, and everything kept of it is what its rows add up to."""
        group = TargetGroup.objects.get(code=code)
        people = stored_people(self.bridge, code)
        assert {each: (found.email, found.first_name, found.allow_email) for each, found in people.items()} == {
            each: (self.crm.people[each].email, self.crm.people[each].first_name, self.crm.people[each].allow_email)
            for each in self.crm.lists[code]
        }
        with connect() as own:
            assert group.fingerprint == recomputed(own, group.pk) == f"{self.crm.fingerprint(code):032x}"
            counted = funnel.counted_from_rows(own, group.pk)
        assert [getattr(group, name) for name in funnel.COUNTS] == [
            getattr(counted, name) for name in funnel.COUNTS
        ]


def synced_groups() -> Synced:
    """ALL has forty people, HALF twenty of them."""
    people = {key(n): Person(f"p{n}@example.org", "P", str(n), values=(("city", "Köln"),)) for n in range(40)}
    crm = MemoryCrm(people=people, lists={"ALL": set(people), "HALF": {key(n) for n in range(20)}}, fields=CITY)
    made = Synced(crm, bridge_to(crm))
    made.sync("ALL")
    made.sync("HALF")
    return made


def by_hand(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)
