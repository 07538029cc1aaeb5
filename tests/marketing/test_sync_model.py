"""Random operations on a CRM and its people, against a naive model (S1 S2 S7 S28 S30 B1 B3 B7 B14).

After every sync the target group is the list, row by row; what only the person may lift is not lifted; the
fingerprint, kept by addition, equals one computed from the rows on both sides; the funnel, kept by
difference, equals one counted from the rows and one counted naively. And of each sync no more travels than must
(B2): what changed since the group's last one, and the rows that were set aside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.marketing.guard.held import discard
from rollkeeper.marketing.subscribers.models import Subscriber
from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.marketing.target_groups import fingerprints, funnel
from rollkeeper.marketing.target_groups.models import GroupMember, TargetGroup
from rollkeeper.postgres.connection import connect
from rollkeeper.sync.address import is_valid
from rollkeeper.sync.connector import Mode, Pull
from rollkeeper.sync.member import Field
from rollkeeper.sync.permission import OwnOptOuts, status
from tests.fakes.memory_crm import Key, MemoryCrm, Person
from tests.marketing.syncing import bridge_to, preview_group, slot_of, stored_people, sync_group

FIELDS = (
    Field("city", "City", "text"),
    Field("since", "Member since", "date"),
    Field("points", "Points", "integer"),
)
CODES = ("ALPHA", "BETA", "GAMMA")
KEYS = [
    ("0001", "0"),
    ("0001", "1"),
    ("0002", "0"),
    ("a", "0"),
    ("A", "0"),
    ("é", "0"),
    ("00 3", "10"),
    ("00 3", "2"),
]

keys = st.sampled_from(KEYS)
codes = st.sampled_from(CODES)
emails = st.sampled_from(
    [None, "", "one@example.org", "ONE@example.org", "two@example.org", "not-an-address", "ü@example.org"]
)
people = st.builds(
    Person,
    email=emails,
    first_name=st.sampled_from([None, "Åsa", "محمد", 'O\'Neil \\ "x",\n']),
    last_name=st.sampled_from([None, "", "李", "🙂"]),
    allow_email=st.booleans(),
    values=st.fixed_dictionaries(
        {"city": st.sampled_from([None, "", "Köln"]), "points": st.sampled_from([None, "7"])}
    ).map(lambda values: tuple(values.items())),
)
State = dict[Key, tuple[int, int]]  # of each member its row hash, and how often it came
SHOWN = (
    "received", "added", "updated", "unchanged", "unsubscribed", "resubscribed", "removed", "set_aside", "held",
    "members", "mode", "crm_fingerprint", "stored_fingerprint", "list_version", "list_as_of", "message", "alarm",
)  # fmt: skip
OWN = ("unsubscribed_at", "bounced_at", "complained_at", "suppressed_at")


class Interrupted(MemoryCrm):
    """Something happens in the middle of a pull: after the CRM read its rows, before they are out."""

    then: Callable[[], object] | None = None

    def _pull(self, code: str, mode: Mode, rows: list[dict[str, Any]]) -> Pull:
        pull = super()._pull(code, mode, rows)
        then, self.then = self.then, None
        if then is not None:
            then()
        return pull


class Syncing(RuleBasedStateMachine):
    """The CRM's world changes at random; syncs follow when they like.

    The model says of each sync what must travel: it keeps, naively, what the CRM had at each group's last sync.
    """

    @initialize(
        members=st.lists(people, min_size=len(KEYS), max_size=len(KEYS)),
        lists=st.lists(st.sets(keys, min_size=3), min_size=len(CODES), max_size=len(CODES)),
    )
    def begin(self, members: list[Person], lists: list[set[Key]]) -> None:
        self.crm = Interrupted(
            people=dict(zip(KEYS, members, strict=True)),
            lists=dict(zip(CODES, lists, strict=True)),
            fields=FIELDS[:2],
        )
        self.bridge = bridge_to(self.crm)
        Bridge.objects.update(removal_share=30, removal_floor=2)
        self.synced: dict[str, dict[Key, Person]] = {code: {} for code in CODES}
        self.held: dict[str, set[Key]] = {code: set() for code in CODES}
        self.aside: dict[str, set[Key]] = {code: set() for code in CODES}
        self.told: dict[str, State | None] = dict.fromkeys(CODES)  # the CRM's state at the last sync; None: unknown
        self.known: dict[Key, Person] = {}  # what the last sync that met the person said of them
        self.own: dict[Key, set[str]] = {}

    @rule(key=keys, person=people)
    def a_person_changes(self, key: Key, person: Person) -> None:
        self.crm.people[key] = person

    @rule(key=keys, allow=st.booleans())
    def the_flag_changes(self, key: Key, allow: bool) -> None:
        self.crm.change(key, allow_email=allow)

    @rule(code=codes, joining=st.sets(keys, max_size=3), leaving=st.sets(keys, max_size=2))
    def a_list_is_regenerated(self, code: str, joining: set[Key], leaving: set[Key]) -> None:
        self.crm.lists[code] = (self.crm.lists[code] | joining) - leaving

    @rule(code=codes)
    def a_list_is_emptied(self, code: str) -> None:
        self.crm.lists[code] = set()

    @rule(fields=st.lists(st.sampled_from(FIELDS), unique=True))
    def the_view_changes(self, fields: list[Field]) -> None:
        self.crm.fields = tuple(fields)

    @rule()
    def the_crm_forgets_its_tokens(self) -> None:
        self.crm.lose_tokens()
        self.told = dict.fromkeys(CODES)

    @rule(repeat=st.sets(keys, max_size=2))
    def rows_come_twice_or_are_well_again(self, repeat: set[Key]) -> None:  # B7
        self.crm.repeat = repeat

    @rule(code=codes, repeat=st.sets(keys, min_size=1, max_size=3))
    def rows_stay_bad_from_one_sync_to_the_next(self, code: str, repeat: set[Key]) -> None:  # B7
        self.crm.repeat = repeat
        for _ in range(2):
            self.a_sync(code, False, False)

    @rule(code=codes)
    def held_removals_are_discarded(self, code: str) -> None:  # B3
        discarded = discard(TargetGroup.objects.get(bridge=self.bridge, code=code), discarded_by="test")
        assert discarded == len(self.held[code])
        if discarded:
            self.held[code] = set()
            self.told[code] = None

    @rule(key=keys, what=st.sampled_from(OWN))
    def a_person_opts_out_here(self, key: Key, what: str) -> None:
        """Under the same lock as syncs; the kept counts move with it."""
        changed = Subscriber.objects.filter(
            bridge=self.bridge, master_customer_id=key[0], sub_customer_id=key[1]
        ).update(**{what: timezone.now()})
        if changed:
            self.own.setdefault(key, set()).add(what)
            with connect() as connection:
                for group in TargetGroup.objects.filter(bridge=self.bridge):
                    funnel.store_recount(connection, group.pk)
            self._check_everything()

    @rule(key=keys, person=people, codes=st.permutations(CODES))
    def a_person_changes_and_all_groups_follow(self, key: Key, person: Person, codes: list[str]) -> None:
        self.crm.people[key] = person
        for code in codes:
            self.a_sync(code, False, False)

    @rule(code=codes, other=codes, key=keys, person=people)
    def a_sync_of_another_group_comes_between(self, code: str, other: str, key: Key, person: Person) -> None:  # B8
        """A person changes while a list is pulled, and another group's sync writes it first."""
        if other == code:
            return

        def between() -> None:
            self.crm.people[key] = person
            self.a_sync(other, False, False)

        self.crm.then = between
        with self._met_as_found(code):
            sync_group(self.bridge, self.crm, code)
        self.a_sync(code, False, False)

    @rule(code=codes, key=keys, person=people)
    def a_change_is_not_told(self, code: str, key: Key, person: Person) -> None:  # B1
        """The CRM's list of changes lacks one: the proof finds it, and the same sync repairs it."""
        self.crm.people[key] = person
        self.crm.forgotten = {key}
        try:
            self.a_sync(code, False, False)
        finally:
            self.crm.forgotten = set()

    @rule(
        code=codes, approve=st.booleans(), full=st.booleans(), previewed=st.sampled_from(["", "shown", "applied"])
    )
    def a_sync(self, code: str, approve: bool, full: bool, previewed: str = "") -> None:
        before = {key: person.status for key, person in self._people().items()}
        there, repeat, members = dict(self.synced[code]), self.crm.repeat, self.crm.lists[code]
        mode, travels, left_out = self._what_must_travel(code, full)
        preview = None
        if previewed and not full and not left_out:
            preview = preview_group(self.bridge, self.crm, code, approve_held=approve)
        applied = preview if previewed == "applied" else None
        asked = len(self.crm.asked)
        run = sync_group(self.bridge, self.crm, code, approve_held=approve, full=full, preview=applied)
        if preview is not None:  # B4
            assert {name: getattr(preview, name) for name in SHOWN} == {name: getattr(run, name) for name in SHOWN}
        good = members - repeat
        removed = set(there) - members
        added = good - set(there)
        held = removed if self._holds(len(there), len(added), len(removed)) and not approve else set()
        expected: dict[Key, Person | None] = {key: self.crm.people[key] for key in good}
        expected |= dict.fromkeys((set(there) & members & repeat) | held)  # kept as they are
        changed = {key for key in good if key in there and self._differs(key)}
        self.synced[code] = {key: person or self.known[key] for key, person in expected.items()}
        self.held[code], self.aside[code] = held, members & repeat
        self.told[code] = self.crm._state(code)
        self.known |= {key: self.crm.people[key] for key in good}
        self.last_fields = self.crm.fields

        assert run.status == ("held" if held else "completed")
        assert bool(run.defect) == left_out, run.defect
        if not left_out:
            assert (run.mode, run.received, run.repaired) == (mode, travels, 0)
            assert self.crm.asked[asked:] in (["full"], ["changes"])  # one request
        if run.mode == "full":
            assert run.received == run.added + run.updated + run.unchanged + run.set_aside
        assert run.set_aside == 2 * len(members & repeat)
        assert run.added == len(added)
        assert run.updated >= len(changed)
        assert run.removed == len(removed) - len(held)
        assert run.held == len(held)
        assert run.members == len(self.synced[code])
        self._check_status_counts(run, before)
        assert run.identical == (not held and not members & repeat), (run.crm_fingerprint, run.stored_fingerprint)
        if run.identical:
            assert int(run.stored_fingerprint, 16) == self.crm.fingerprint(code)
        self._check_everything()

    def _what_must_travel(self, code: str, full: bool) -> tuple[str, int, bool]:
        """Mode and rows of the coming pull; and whether the CRM leaves a change out of it."""
        then, now = self.told[code], self.crm._state(code)
        if full or then is None:
            return "full", sum(times for _, times in now.values()), False
        changed = {key for key in then.keys() | now.keys() if then.get(key) != now.get(key)}
        if changed & self.crm.forgotten - self.aside[code]:
            return "", 0, True
        concerned = changed | self.aside[code]
        travels = sum(now[key][1] if key in now else 1 for key in concerned)
        return "delta" if concerned else "unchanged", travels, False

    def _holds(self, before: int, added: int, removed: int) -> bool:
        """The guard, naively, at 30 per cent and two people (B3)."""
        return removed > 0 and (before + added <= removed or (removed >= 2 and removed * 100 > 30 * before))

    @contextmanager
    def _met_as_found(self, code: str) -> Iterator[None]:
        """A sync that may have met the CRM in either of two states: take over what it made of the group."""
        yield
        stored = stored_people(self.bridge, code)
        for key, person in stored.items():
            values = tuple(
                (field.name, getattr(person, slot_of(self.bridge, field.name))) for field in self.crm.fields
            )
            self.known[key] = Person(
                person.email, person.first_name, person.last_name, person.allow_email,
                self.crm.people[key].values if self._same_values(key, values) else values,
            )  # fmt: skip
        self.synced[code] = {key: self.known[key] for key in stored}
        group = TargetGroup.objects.get(bridge=self.bridge, code=code)
        self.held[code] = {(held.master_customer_id, held.sub_customer_id) for held in group.held_removals.all()}
        self.aside[code] = self.crm.lists[code] & self.crm.repeat
        self.told[code] = self.crm.states.get(group.change_token)

    def _same_values(self, key: Key, values: tuple[tuple[str, str | None], ...]) -> bool:
        return all(self.crm.people[key].value(name) == value for name, value in values)

    def _differs(self, key: Key) -> bool:
        return key in self.known and self.known[key] != self.crm.people[key]

    def _people(self) -> dict[Key, Subscriber]:
        found = Subscriber.objects.filter(bridge=self.bridge)
        return {(person.master_customer_id, person.sub_customer_id): person for person in found}

    def _check_status_counts(self, run: SyncRun, before: dict[Key, str]) -> None:
        remote = "Unsubscribed from remote system"
        after = {key: person.status for key, person in self._people().items()}
        moved = [(before[key], after[key]) for key in before if before[key] != after[key]]
        assert run.unsubscribed == sum(1 for _, new in moved if new == remote)
        assert run.resubscribed == sum(1 for old, _ in moved if old == remote)

    def _check_everything(self) -> None:
        self._every_group_is_its_list_as_last_synced()
        self._every_person_is_as_last_met_and_has_the_status_of_the_rule()
        self._kept_fingerprints_and_counts_equal_those_of_the_rows()
        self._memberships_repeat_the_hash_of_their_subscriber()
        self._personalization_values_are_those_last_received()

    def _every_group_is_its_list_as_last_synced(self) -> None:
        for code in CODES:
            stored = stored_people(self.bridge, code)
            assert set(stored) == set(self.synced[code])

    def _every_person_is_as_last_met_and_has_the_status_of_the_rule(self) -> None:
        for key, person in self._people().items():
            known = self.known[key]
            assert (person.email, person.first_name, person.last_name, person.allow_email) == (
                known.email, known.first_name, known.last_name, known.allow_email,
            )  # fmt: skip
            own = self.own.get(key, set())
            opted = OwnOptOuts(*(name in own for name in OWN))
            valid = bool(known.email) and is_valid(known.email or "")
            assert person.status == status(known.allow_email, known.email, valid, opted).value  # S7 S30

    def _kept_fingerprints_and_counts_equal_those_of_the_rows(self) -> None:
        with connect() as connection:
            for group in TargetGroup.objects.filter(bridge=self.bridge):
                assert group.fingerprint == fingerprints.recomputed(connection, group.pk)
                counted = funnel.counted_from_rows(connection, group.pk)
                kept = funnel.Tally(*(getattr(group, name) for name in funnel.COUNTS))
                assert kept == counted == self._naive_funnel(group.code)
                for step in funnel.STEPS:
                    listed = funnel.people(connection, group.pk, step.key, kept=True)
                    assert len(listed) == getattr(kept, step.count)

    def _naive_funnel(self, code: str) -> funnel.Tally:
        people = list(stored_people(self.bridge, code).values())
        with_address = [person for person in people if person.email]
        valid = [person for person in with_address if is_valid(person.email or "")]
        address = lambda person: (person.email or "").translate({n: n + 32 for n in range(65, 91)})  # noqa: E731
        return funnel.Tally(
            len(people), len(with_address), len(valid), len({address(person) for person in valid}),
            len({address(person) for person in valid if person.allow_email}),
            len({address(person) for person in valid if person.status == "Subscribed"}),
        )  # fmt: skip

    def _memberships_repeat_the_hash_of_their_subscriber(self) -> None:
        for member in GroupMember.objects.select_related("subscriber"):
            subscriber = member.subscriber
            assert (member.hash_hi, member.hash_lo) == (subscriber.hash_hi, subscriber.hash_lo)

    def _personalization_values_are_those_last_received(self) -> None:
        if not hasattr(self, "last_fields"):
            return
        for field in self.last_fields:
            slot = slot_of(self.bridge, field.name)
            for code in CODES:
                for key, person in stored_people(self.bridge, code).items():
                    value = getattr(person, slot)
                    assert value is None or value == self.known[key].value(field.name)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("examples", [8, pytest.param(40, marks=pytest.mark.slow)])
def test_syncs_agree_with_the_model(examples: int) -> None:
    from tests.marketing.cleaning import emptied

    class Machine(Syncing):
        def teardown(self) -> None:
            emptied()

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples, stateful_step_count=12, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
