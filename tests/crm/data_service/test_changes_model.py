"""Random work in several open transactions, pulls between: no token ever misses a change (B2), no sum is off (B1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from django.db import OperationalError, connection
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from rollkeeper.crm.changes.state import kept_and_computed
from rollkeeper.crm.constituents.models import Constituent, EmailAddress, Gift, Interest, Membership
from rollkeeper.crm.data_service.members import ProfilesBusy
from rollkeeper.crm.lists.definition import save_list
from rollkeeper.crm.lists.models import MarketingList
from rollkeeper.crm.lists.regenerate import regenerate
from rollkeeper.crm.personalization.fields import change_source
from rollkeeper.crm.personalization.profile import refresh_profiles
from rollkeeper.sync.connector import Mode

from .association import add_constituent, set_view
from .open_transactions import IMPATIENT, Person
from .pulls import Receiver, fingerprint_of, pull

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

DAY = date(2026, 1, 1)
MASTERS = ("1", "2", "3", "4", "5")
LISTS = {
    "ALL": {"combinator": "and", "rules": []},
    "TX": {"combinator": "and", "rules": [{"field": "state", "operator": "=", "value": "TX"}]},
}
VIEW = (
    ("city", "City", "text", "constituent.city"),
    ("level", "Level", "text", "membership.level_code"),
    ("total", "Total", "decimal", "gifts.total"),
    ("areas", "Areas", "text", "interests.areas"),
)


def update(**columns: Any) -> Callable[[str], object]:
    return lambda master: Constituent.objects.filter(master_customer_id=master).update(**columns)


def rename(master: str) -> None:
    """A customer id that changes places with another one's, or is taken by none."""
    other = MASTERS[MASTERS.index(master) - 1]
    Constituent.objects.filter(master_customer_id=master).update(master_customer_id="x")
    Constituent.objects.filter(master_customer_id=other).update(master_customer_id=master)
    Constituent.objects.filter(master_customer_id="x").update(master_customer_id=other)


def found(master: str) -> Constituent:
    return Constituent.objects.get(master_customer_id=master)


WORK: dict[str, Callable[[str], object]] = {
    "names": update(first_name="B"),
    "names back": update(first_name="A"),
    "moves to Texas": update(state="TX", city="Austin"),
    "moves away": update(state="NY", city="Albany"),
    "denies": update(allow_email=False),
    "allows": update(allow_email=True),
    "merged": update(status="DUPLICATE"),
    "active": update(status="ACTIVE"),
    "address": lambda master: EmailAddress.objects.filter(constituent=found(master)).update(
        address="b@example.org"
    ),
    "do not solicit": lambda master: EmailAddress.objects.filter(constituent=found(master)).update(
        do_not_solicit=True
    ),
    "gift": lambda master: Gift.objects.create(constituent=found(master), fund_code="F", amount=10, given_on=DAY),
    "interest": lambda master: Interest.objects.get_or_create(constituent=found(master), area_code="LAW"),
    "term": lambda master: Membership.objects.create(
        constituent=found(master), level_code="GOLD", joined_on=DAY, begins_on=DAY, expires_on=DAY
    ),
    "gone": lambda master: found(master).delete(),
    "new": lambda master: add_constituent(master, email="new@example.org", state="TX"),
    "changes ids": rename,
    "a field's source": lambda _: change_source("city", "constituent.state"),
    "a field's source back": lambda _: change_source("city", "constituent.city"),
    "refresh": lambda _: refresh_profiles(),
    "MKT600 ALL": lambda _: regenerate(MarketingList.objects.get(code="ALL").pk),
    "MKT600 TX": lambda _: regenerate(MarketingList.objects.get(code="TX").pk),
}
# A transaction that began before others, whose change becomes a row of the list after they were pulled: a token
# that were the highest transaction, or a time, would take it for seen.
LATE_REFRESH: list[tuple[Any, ...]] = [
    ("pull", "ALL", 0), ("work", 0, "names", "1"), ("work", 1, "names", "2"), ("commit", 1), ("pull", "ALL", 0),
    ("work", 0, "refresh", "1"), ("commit", 0), ("pull", "ALL", 0),
]  # fmt: skip
LATE_REGENERATION: list[tuple[Any, ...]] = [
    ("pull", "ALL", 0), ("work", 0, "merged", "1"), ("work", 1, "names", "2"), ("commit", 1), ("pull", "ALL", 0),
    ("work", 0, "MKT600 ALL", "1"), ("commit", 0), ("pull", "ALL", 0),
]  # fmt: skip
WORKER = st.integers(0, 2)
STEP = st.one_of(
    st.tuples(st.just("work"), WORKER, st.sampled_from(sorted(WORK)), st.sampled_from(MASTERS)),
    st.tuples(st.just("work"), WORKER, st.sampled_from(["refresh", "MKT600 ALL", "MKT600 TX"]), st.just("1")),
    st.tuples(st.just("commit"), WORKER),
    st.tuples(st.just("commit"), WORKER),
    st.tuples(st.just("roll back"), WORKER),
    st.tuples(st.just("pull"), st.sampled_from(sorted(LISTS)), st.integers(0, 9)),
    st.tuples(st.just("pull"), st.sampled_from(sorted(LISTS)), st.just(0)),
)


@pytest.fixture
def people() -> Iterator[list[Person]]:
    with connection.cursor() as cursor:
        cursor.execute(IMPATIENT)
    made = [Person() for _ in range(3)]
    yield made
    for person in made:
        person.leave()
    with connection.cursor() as cursor:
        cursor.execute("RESET lock_timeout; RESET synchronous_commit")


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate],
)
@example(steps=LATE_REFRESH)
@example(steps=LATE_REGENERATION)
@given(steps=st.lists(STEP, min_size=20, max_size=60))
def test_changes_applied_to_any_earlier_state_give_the_list(
    people: list[Person], steps: list[tuple[Any, ...]]
) -> None:
    for person in people:
        person.roll_back()  # what an example that failed left open
    begin_anew()
    copies: dict[str, list[Receiver]] = {code: [] for code in LISTS}
    for step in steps:
        match step:
            case ["work", worker, what, master]:
                people[worker].do(lambda what=what, master=master: WORK[what](master))
            case ["commit", worker]:
                people[worker].commit()
            case ["roll back", worker]:
                people[worker].roll_back()
            case ["pull", code, back]:
                pull_and_check(code, copies[code], back)
    for person in people:
        person.commit()
    for code in LISTS:
        for back in range(len(copies[code])):
            pull_and_check(code, copies[code], back)


def begin_anew() -> None:
    """Five constituents, two lists, one version each, nothing else."""
    with connection.cursor() as cursor:
        for table in (
            "list_version", "marketing_list", "gift", "interest", "membership", "email_address", "constituent",
            "personalization_field",
        ):  # fmt: skip
            cursor.execute(f"DELETE FROM {table}")
    set_view(*VIEW)
    for number, master in enumerate(MASTERS):
        add_constituent(master, email=f"{master}@example.org", first_name="A", state="TX" if number % 2 else "NY")
    for code, rule in LISTS.items():
        regenerate(save_list(code, code, rule=rule).pk)


def pull_and_check(code: str, copies: list[Receiver], back: int) -> None:
    """Pull into a copy of the list, the newest or one `back` pulls ago; a further copy comes of it."""
    before = copies[-1 - back % len(copies)] if copies else Receiver(code)
    receiver = Receiver(code, before.token, dict(before.members))
    try:
        closing = receiver.pull().closing
        whole = pull(code)
    except (OperationalError, ProfilesBusy):
        return  # someone holds the lock that a refresh needs
    copies.append(receiver)
    assert (len(receiver.members), fingerprint_of(receiver.members)) == (
        closing.list_members,
        closing.list_fingerprint,
    )
    assert whole.mode is Mode.FULL
    assert (whole.closing.list_members, whole.closing.list_fingerprint) == (
        whole.closing.rows,
        whole.closing.fingerprint,
    )
    kept, computed = kept_and_computed(MarketingList.objects.get(code=code).pk)
    assert kept == computed
    if whole.closing.list_fingerprint == closing.list_fingerprint:
        assert receiver.members == whole.members
