"""What changed since a token: every change that can alter an exported row, and nothing else (B2)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import pytest
from django.utils import timezone

from rollkeeper.crm.changes.present import look, present_list
from rollkeeper.crm.constituents.models import (
    Constituent,
    EmailAddress,
    EventRegistration,
    Gift,
    Interest,
    Membership,
)
from rollkeeper.crm.lists.definition import save_list
from rollkeeper.crm.lists.models import MarketingList
from rollkeeper.crm.lists.regenerate import regenerate
from rollkeeper.crm.personalization.fields import add_field, change_label, change_source, move_field, remove_field
from rollkeeper.crm.personalization.profile import refresh_profiles
from rollkeeper.postgres.arrow import snapshot
from rollkeeper.sync.connector import Mode
from rollkeeper.sync.member import EMPTY_FINGERPRINT

from .association import add_constituent, set_view
from .open_transactions import Person
from .pulls import Receiver, fingerprint_of, pull

pytestmark = pytest.mark.django_db(transaction=True)

EVERYONE = {"combinator": "and", "rules": []}
VIEW = (
    ("city", "City", "text", "constituent.city"),
    ("level", "Level", "text", "membership.level_code"),
    ("event", "Event", "text", "events.last_name"),
    ("total", "Total", "decimal", "gifts.total"),
    ("areas", "Areas", "text", "interests.areas"),
    ("color", "Color", "text", "attribute:color"),
)
LAST_YEAR, TODAY = date(2025, 11, 1), date(2026, 11, 24)


@pytest.fixture
def everyone() -> MarketingList:
    """Three constituents, in a list of all."""
    set_view(*VIEW)
    for master in ("1", "2", "3"):
        add_constituent(master, email=f"{master}@example.org", first_name="A", city="Austin")
    made = save_list("ALL", "All", rule=EVERYONE)
    regenerate(made.pk)
    return made


def person(master: str = "2") -> Constituent:
    return Constituent.objects.get(master_customer_id=master)


def another_address() -> None:
    EmailAddress.objects.filter(constituent=person()).update(is_primary=False)
    EmailAddress.objects.create(constituent=person(), address="new@example.org")


CHANGES: dict[str, Callable[[], object]] = {
    "a name": lambda: Constituent.objects.filter(master_customer_id="2").update(first_name="B"),
    "an address": lambda: EmailAddress.objects.filter(constituent=person()).update(address="b@example.org"),
    "the primary address": another_address,
    "allow e-mail": lambda: Constituent.objects.filter(master_customer_id="2").update(allow_email=False),
    "allow solicitation": lambda: Constituent.objects.filter(master_customer_id="2").update(
        allow_solicitation=False
    ),
    "do not solicit": lambda: EmailAddress.objects.filter(constituent=person()).update(do_not_solicit=True),
    "an address out of use": lambda: EmailAddress.objects.filter(constituent=person()).update(is_active=False),
    "an address in use again": lambda: EmailAddress.objects.filter(constituent=person()).update(is_active=True),
    "an address taken away": lambda: EmailAddress.objects.filter(constituent=person()).delete(),
    "a membership": lambda: Membership.objects.create(
        constituent=person(), level_code="GOLD", joined_on=LAST_YEAR, begins_on=LAST_YEAR, expires_on=TODAY
    ),
    "an event": lambda: EventRegistration.objects.create(
        constituent=person(), event_code="C", event_name="Congress", event_on=TODAY, registered_on=LAST_YEAR
    ),
    "a gift": lambda: Gift.objects.create(constituent=person(), fund_code="F", amount=10, given_on=LAST_YEAR),
    "an interest": lambda: Interest.objects.create(constituent=person(), area_code="LAW"),
    "an attribute": lambda: Constituent.objects.filter(master_customer_id="2").update(attributes={"color": "blue"}),
}


def test_a_change_of_a_member_travels_alone(everyone: MarketingList) -> None:  # B2
    receiver = Receiver("ALL")
    assert receiver.pull().mode is Mode.FULL
    for what, change in CHANGES.items():
        before = receiver.members["2", "0"]
        change()
        found = receiver.pull()
        assert (found.mode, list(found.members), found.removed) == (Mode.DELTA, [("2", "0")], {}), what
        assert receiver.members["2", "0"] != before, what
        assert_true(receiver)


def assert_true(receiver: Receiver) -> None:
    """The receiver has what a full pull gives, and the facts kept of the list are the sum of these rows."""
    full = pull(receiver.code)
    assert receiver.members == full.members
    for closing in (full.closing, pull(receiver.code, receiver.token).closing):
        assert closing.list_members == len(full.members)
        assert closing.list_fingerprint == fingerprint_of(full.members)


def test_an_unchanged_list_travels_not_at_all(everyone: MarketingList) -> None:  # B2
    receiver = Receiver("ALL")
    first = receiver.pull()
    again = receiver.pull()
    assert (again.mode, again.members, again.removed, again.closing.rows) == (Mode.UNCHANGED, {}, {}, 0)
    assert again.closing.fingerprint == EMPTY_FINGERPRINT
    assert again.closing.list_fingerprint == first.closing.fingerprint
    assert again.closing.list_members == 3


def test_a_regeneration_that_changes_no_member_moves_only_the_version(everyone: MarketingList) -> None:  # S15
    receiver = Receiver("ALL")
    first = receiver.pull().closing
    regenerate(everyone.pk)
    again = receiver.pull()
    assert again.mode is Mode.UNCHANGED
    assert (first.version, again.closing.version) == ("1", "2")
    assert again.closing.as_of is not None
    assert first.as_of is not None
    assert again.closing.as_of > first.as_of


def test_changes_elsewhere_leave_a_list_unchanged(everyone: MarketingList) -> None:  # B2
    receiver = Receiver("ALL")
    receiver.pull()
    add_constituent("4", email="4@example.org")
    save_list("FOUR", "Four", ids=[("4", "0")])
    regenerate(MarketingList.objects.get(code="FOUR").pk)
    assert receiver.pull().mode is Mode.UNCHANGED


def test_who_came_and_who_left_travel(everyone: MarketingList) -> None:  # S28, B2
    Constituent.objects.filter(master_customer_id="3").update(status="DUPLICATE")
    add_constituent("4", email="4@example.org")
    receiver = Receiver("ALL")
    receiver.pull()
    regenerate(everyone.pk)
    found = receiver.pull()
    assert (found.mode, list(found.members), found.removed) == (Mode.DELTA, [("4", "0")], {("3", "0"): "left"})
    assert_true(receiver)


def test_who_left_and_came_back_in_between_is_no_removal(everyone: MarketingList) -> None:
    receiver = Receiver("ALL")
    receiver.pull()
    for status in ("DUPLICATE", "ACTIVE"):
        Constituent.objects.filter(master_customer_id="3").update(status=status)
        regenerate(everyone.pk)
    assert receiver.pull().removed == {}
    assert_true(receiver)


def test_a_deleted_constituent_leaves_at_once(everyone: MarketingList) -> None:
    receiver = Receiver("ALL")
    receiver.pull()
    person().delete()
    found = receiver.pull()
    assert (found.members, found.removed) == ({}, {("2", "0"): "deleted"})
    assert_true(receiver)


def test_one_deleted_and_made_again_under_the_same_id_is_no_removal(everyone: MarketingList) -> None:
    receiver = Receiver("ALL")
    receiver.pull()
    person().delete()
    refresh_profiles()
    add_constituent("2", email="again@example.org")
    regenerate(everyone.pk)
    found = receiver.pull()
    assert (list(found.members), found.removed) == ([("2", "0")], {})
    assert_true(receiver)


def test_a_changed_customer_id_is_one_gone_and_one_come(everyone: MarketingList) -> None:
    receiver = Receiver("ALL")
    receiver.pull()
    Constituent.objects.filter(master_customer_id="2").update(master_customer_id="20")
    found = receiver.pull()
    assert (list(found.members), found.removed) == ([("20", "0")], {("2", "0"): "deleted"})
    assert_true(receiver)


def test_customer_ids_that_change_places_are_both_there(everyone: MarketingList) -> None:
    receiver = Receiver("ALL")
    receiver.pull()
    for old, new in (("1", "x"), ("2", "1"), ("x", "2")):
        Constituent.objects.filter(master_customer_id=old).update(master_customer_id=new)
    found = receiver.pull()
    assert (sorted(found.members), found.removed) == ([("1", "0"), ("2", "0")], {})
    assert_true(receiver)


def test_one_who_left_is_told_by_the_id_of_that_time(everyone: MarketingList) -> None:
    receiver = Receiver("ALL")
    receiver.pull()
    Constituent.objects.filter(master_customer_id="2").update(status="DUPLICATE")
    regenerate(everyone.pk)
    Constituent.objects.filter(master_customer_id="2").update(master_customer_id="20")
    receiver.pull()
    assert_true(receiver)


def test_a_member_of_a_list_that_is_built_before_any_refresh_is_counted() -> None:
    add_constituent("1")
    made = save_list("ALL", "All", rule=EVERYONE)
    regenerate(made.pk)
    receiver = Receiver("ALL")
    receiver.pull()
    assert list(receiver.members) == [("1", "0")]
    assert_true(receiver)


def test_a_term_that_begins_by_the_calendar_travels(everyone: MarketingList) -> None:
    # As of yesterday, a term that begins today is in no profile yet; nothing is written when it begins.
    today = timezone.localdate()
    yesterday = today - timedelta(days=1)
    Membership.objects.create(
        constituent=person(),
        level_code="NEW",
        joined_on=today,
        begins_on=today,
        expires_on=today + timedelta(days=365),
    )
    refresh_profiles(yesterday)
    with snapshot() as found:
        token = present_list("ALL", found.rows(look("ALL"))).token.text
    travelled = pull("ALL", token)
    assert (travelled.mode, list(travelled.members)) == (Mode.DELTA, [("2", "0")])
    assert "NEW" in travelled.members["2", "0"]


def test_another_set_of_fields_has_the_list_pulled_whole(everyone: MarketingList) -> None:
    # S25: every row has another hash then
    receiver = Receiver("ALL")
    receiver.pull()
    for change in (
        lambda: add_field("state", "constituent.state"),
        lambda: remove_field("city"),
        lambda: move_field("level", 2),
        lambda: change_source("total", "gifts.last_on"),
    ):
        change()
        assert receiver.pull().mode is Mode.FULL
        assert_true(receiver)
    change_label("total", "Another label")
    assert receiver.pull().mode is Mode.UNCHANGED


def test_a_field_with_another_source_has_the_rows_sent_that_differ(everyone: MarketingList) -> None:  # S25
    Constituent.objects.filter(master_customer_id="2").update(state="TX")
    Constituent.objects.filter(master_customer_id__in=["1", "3"]).update(state="Austin")
    receiver = Receiver("ALL")
    receiver.pull()
    change_source("city", "constituent.state")
    found = receiver.pull()
    assert (found.mode, list(found.members)) == (Mode.DELTA, [("2", "0")])
    assert_true(receiver)


@pytest.mark.parametrize(
    "late", [lambda _: refresh_profiles(), lambda made: regenerate(made.pk)], ids=["refresh", "MKT600"]
)
def test_a_change_of_a_transaction_open_across_pulls_is_not_missed(
    everyone: MarketingList, late: Callable[[MarketingList], object]
) -> None:
    # B2: it began before the others and its rows are stamped so, but no pull saw it until it was committed
    receiver, slow = Receiver("ALL"), Person()
    slow.do(
        lambda: Constituent.objects.filter(master_customer_id="1").update(first_name="Slow", status="DUPLICATE")
    )
    for name in ("B", "C"):
        Constituent.objects.filter(master_customer_id="2").update(first_name=name)
        receiver.pull()
        assert_true(receiver)
    slow.do(lambda: late(everyone))
    slow.commit()
    slow.leave()
    assert receiver.pull().mode is Mode.DELTA
    assert_true(receiver)


def test_a_transaction_open_for_long_has_nothing_sent_again(everyone: MarketingList) -> None:  # B2
    receiver, slow = Receiver("ALL"), Person()
    slow.do(lambda: Constituent.objects.filter(master_customer_id="1").update(first_name="Slow"))
    Constituent.objects.filter(master_customer_id="2").update(first_name="B")
    receiver.pull()
    Constituent.objects.filter(master_customer_id="3").update(first_name="C")
    assert list(receiver.pull().members) == [("3", "0")]
    assert receiver.pull().mode is Mode.UNCHANGED
    slow.commit()
    slow.leave()
    assert list(receiver.pull().members) == [("1", "0")]
    assert_true(receiver)
