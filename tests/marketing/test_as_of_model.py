"""Random syncs over groups that share people, opt-outs in between, fields that come and go: every export taken when a
run had ended equals, byte for byte, the one that is asked for later as of that run (B6).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from rollkeeper.marketing.bridges import fields as bridge_fields
from rollkeeper.marketing.bridges.catalog import store_catalog
from rollkeeper.marketing.subscribers.models import Subscriber
from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.marketing.sync_runs.request import create_run
from rollkeeper.marketing.target_groups.export import export_group, export_group_as_of
from rollkeeper.marketing.target_groups.models import TargetGroup
from rollkeeper.sync.events import Event, Kind
from rollkeeper.sync.member import Field
from tests.fakes.memory_crm import Key, MemoryCrm, Person
from tests.marketing.cleaning import emptied
from tests.marketing.syncing import bridge_to, sync_group

NAMES = (
    "city",
    "points",
    "address_valid",
    "field:address_valid",
    'a "b", c',
)  # a field may be named as a column, or anyhow
FIELDS = tuple(Field(name, name.title(), "text") for name in NAMES)
SLOTS = 3  # fewer than there are names: a field that comes takes the slot, and the values, of one that went
CODES = ("ALPHA", "BETA", "GAMMA")
KEYS = [("0001", "0"), ("0001", "1"), ("0002", "0"), ("a", "0"), ("A", "0"), ("é", "0"), ("00 3", "2")]
OWN = ("unsubscribed_at", "bounced_at", "complained_at", "suppressed_at")

keys = st.sampled_from(KEYS)
codes = st.sampled_from(CODES)
values = st.sampled_from([None, "", "Köln", 'x "y", z', "\u2028\n"])
people = st.builds(
    Person,
    email=st.sampled_from([None, "", "one@example.org", "ONE@example.org", "not-an-address"]),
    first_name=st.sampled_from([None, "Åsa", 'O\'Neil \\ "x",\n']),
    last_name=st.sampled_from([None, "", "🙂"]),
    allow_email=st.booleans(),
    values=st.fixed_dictionaries(dict.fromkeys(NAMES, values)).map(lambda found: tuple(found.items())),
)


class Remembering(RuleBasedStateMachine):
    """The CRM's world changes at random; after each sync of a group its export is put by."""

    @initialize(
        members=st.lists(people, min_size=len(KEYS), max_size=len(KEYS)),
        lists=st.lists(st.sets(keys, min_size=2), min_size=len(CODES), max_size=len(CODES)),
    )
    def begin(self, members: list[Person], lists: list[set[Key]]) -> None:
        self.crm = MemoryCrm(
            people=dict(zip(KEYS, members, strict=True)),
            lists=dict(zip(CODES, lists, strict=True)),
            fields=FIELDS[:2],
        )
        self.bridge = bridge_to(self.crm)
        self.put_by: dict[int, tuple[str, bytes]] = {}
        self.asked: dict[str, SyncRun] = {}

    @rule(key=keys, person=people)
    def a_person_changes(self, key: Key, person: Person) -> None:
        self.crm.people[key] = person

    @rule(code=codes, joining=st.sets(keys, max_size=3), leaving=st.sets(keys, max_size=3))
    def a_list_is_regenerated(self, code: str, joining: set[Key], leaving: set[Key]) -> None:
        self.crm.lists[code] = (self.crm.lists[code] | joining) - leaving

    @rule(code=codes)
    def a_list_is_emptied(self, code: str) -> None:
        self.crm.lists[code] = set()

    @rule(fields=st.lists(st.sampled_from(FIELDS), unique=True, max_size=SLOTS), refresh=st.booleans())
    def the_view_changes(self, fields: list[Field], refresh: bool) -> None:
        self.crm.fields = tuple(fields)
        if refresh:
            store_catalog(self.bridge, self.crm.catalog(), timezone.now())

    @rule(key=keys, what=st.sampled_from(OWN))
    def a_person_opts_out_here(self, key: Key, what: str) -> None:
        Subscriber.objects.filter(
            bridge=self.bridge, master_customer_id=key[0], sub_customer_id=key[1], **{f"{what}__isnull": True}
        ).update(**{what: timezone.now()})

    @rule(code=codes)
    def a_sync_is_asked_for_and_waits(self, code: str) -> None:
        """Runs are not applied in the order of their numbers."""
        if code not in self.asked:
            self.asked[code] = self._run(code, SyncRun.Status.WAITING)

    def _run(self, code: str, status: SyncRun.Status) -> SyncRun:
        group = TargetGroup.objects.get(bridge=self.bridge, code=code)
        return create_run(
            self.bridge, Kind.AUDIENCE, Event.RESYNC_COUNT_DETAILS, group=group, requested_by="test", status=status
        )

    @rule(
        code=codes, repeat=st.just(set()) | st.sets(keys, max_size=2), approve=st.booleans(), by_hand=st.booleans()
    )
    def a_sync(self, code: str, repeat: set[Key], approve: bool, by_hand: bool) -> None:
        """The one that waits, or one by hand, which goes before it."""
        self.crm.repeat = repeat
        asked = self._run(code, SyncRun.Status.RUNNING) if by_hand else self.asked.pop(code, None)
        run = sync_group(self.bridge, self.crm, code, approve_held=approve, run=asked)
        group = TargetGroup.objects.get(bridge=self.bridge, code=code)
        self.put_by[run.pk] = code, exported(lambda path: export_group(group, "csv", path))

    @rule(person=people, key=keys, approve=st.booleans())
    def a_person_changes_and_all_groups_follow(self, person: Person, key: Key, approve: bool) -> None:
        self.crm.people[key] = person
        for code in CODES:
            self.a_sync(code, set(), approve, by_hand=True)

    @rule()
    def someone_asks_for_every_past_audience(self) -> None:
        for run, (code, expected) in getattr(self, "put_by", {}).items():
            group = TargetGroup.objects.get(bridge=self.bridge, code=code)
            told = exported(lambda path, group=group, run=run: export_group_as_of(group, run, "csv", path))
            assert told.decode() == expected.decode(), run


def exported(write: object) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "audience.csv"
        write(path)  # type: ignore[operator]  # a function of a path
        return path.read_bytes()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("examples", [6, pytest.param(60, marks=pytest.mark.slow)])
def test_the_past_is_told_as_it_was(examples: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge_fields, "SLOTS", SLOTS)

    class Machine(Remembering):
        def teardown(self) -> None:
            try:
                self.someone_asks_for_every_past_audience()
            finally:
                emptied()

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
