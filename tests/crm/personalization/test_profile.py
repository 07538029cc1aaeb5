"""Profiles: the exported row of each constituent, right after every change, written only if it changed."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.db import connection
from psycopg import sql

from rollkeeper.crm.constituents.models import (
    Constituent,
    EmailAddress,
    EventRegistration,
    Gift,
    Interest,
    Membership,
)
from rollkeeper.crm.personalization.fields import move_field, remove_field, view_fields
from rollkeeper.crm.personalization.profile import mark_everyone_dirty, refresh_profiles
from rollkeeper.crm.personalization.profile_rows import built_rows
from tests.crm.personalization.profiles import stored_member, stored_members

pytestmark = pytest.mark.django_db
TODAY = date(2026, 6, 1)


def person(master: str = "00000001", **columns: object) -> Constituent:
    return Constituent.objects.create(master_customer_id=master, **columns)


def term(owner: Constituent, begins: date, level: str = "REG", **columns: object) -> Membership:
    return Membership.objects.create(
        constituent=owner, level_code=level, level_name=level.title(), joined_on=begins, begins_on=begins,
        expires_on=begins + timedelta(days=364), **columns,
    )  # fmt: skip


def test_values_travel_in_canonical_text_of_their_type(view) -> None:
    view(town="constituent.city", phone="constituent.allow_phone", ends="membership.expires_on",
         total="gifts.total", last="gifts.last_amount", number="gifts.number", colour="attribute:colour")  # fmt: skip
    owner = person(city="Łódź", allow_phone=False, attributes={"colour": "grün 🎉"})
    term(owner, date(2026, 1, 15))
    Gift.objects.create(constituent=owner, fund_code="A", amount="100.00", given_on=date(2025, 1, 1))
    Gift.objects.create(constituent=owner, fund_code="A", amount="12.50", given_on=date(2026, 1, 1))
    refresh_profiles(TODAY)
    found = stored_member("00000001")
    assert found["town"] == "Łódź"
    assert found["phone"] == "N"
    assert found["ends"] == "2027-01-14"
    assert found["total"] == "112.5"
    assert found["last"] == "12.5"
    assert found["number"] == "2"
    assert found["colour"] == "grün 🎉"


def test_what_there_is_none_of_is_null_and_numbers_are_zero(view) -> None:
    view(town="constituent.city", ends="membership.expires_on", renews="membership.auto_renew", total="gifts.total",
         last_on="gifts.last_on", events="events.number", areas="interests.areas", colour="attribute:colour")  # fmt: skip
    person(attributes={"colour": ""})
    refresh_profiles(TODAY)
    found = stored_member("00000001")
    assert [found[name] for name in ("email", "first_name", "last_name", "denied_by")] == [None] * 4
    assert [found[name] for name in ("town", "ends", "renews", "last_on", "areas", "colour")] == [None] * 6
    assert (found["total"], found["events"]) == ("0", "0")


def test_control_characters_do_not_travel_but_tabs_and_line_breaks_do(view) -> None:
    view(town="constituent.city")
    person(first_name="A\x1fn\x1en\x01", last_name="\x02\x03", city="a\tb\r\nc\x0b")
    refresh_profiles(TODAY)
    found = stored_member("00000001")
    assert (found["first_name"], found["last_name"], found["town"]) == ("Ann", None, "a\tb\r\nc")


def test_events_gifts_and_interests_are_summed_up(view) -> None:
    view(last="events.last_name", last_on="events.last_on", number="events.number", areas="interests.areas")
    owner = person()
    for code, on, status in [
        ("A", date(2026, 1, 1), "ATTENDED"),
        ("B", date(2026, 3, 1), "REGISTERED"),
        ("C", date(2026, 4, 1), "CANCELLED"),
    ]:
        EventRegistration.objects.create(
            constituent=owner,
            event_code=code,
            event_name=f"Event {code}",
            event_on=on,
            registered_on=on,
            status=status,
        )
    for area in ("STEEL", "CONCRETE", "alpha"):
        Interest.objects.create(constituent=owner, area_code=area)
    refresh_profiles(TODAY)
    found = stored_member("00000001")
    assert (found["last"], found["last_on"], found["number"]) == ("Event B", "2026-03-01", "2")
    assert found["areas"] == "CONCRETE,STEEL,alpha"


def test_the_current_membership_is_the_one_that_expires_last_among_those_begun(view) -> None:
    view(level="membership.level_code")
    owner = person()
    term(owner, date(2024, 1, 1), "STU")
    term(owner, date(2026, 1, 1), "REG")
    term(owner, date(2026, 7, 1), "FEL")
    refresh_profiles(TODAY)
    assert stored_member("00000001")["level"] == "REG"


def test_a_term_that_begins_changes_the_profile_on_its_day_without_any_write(view) -> None:
    view(level="membership.level_code")
    owner = person()
    term(owner, date(2026, 1, 1), "REG")
    term(owner, date(2026, 6, 3), "FEL")
    refresh_profiles(TODAY)
    assert refresh_profiles(date(2026, 6, 2)) == 0
    assert refresh_profiles(date(2026, 6, 3)) == 1
    assert stored_member("00000001")["level"] == "FEL"


def test_permission_and_address_are_those_of_the_primary_active_address(view) -> None:  # S4 S6
    view()
    owner = person()
    EmailAddress.objects.create(constituent=owner, address="old@example.org", is_primary=False, do_not_solicit=True)
    primary = EmailAddress.objects.create(constituent=owner, address="new@example.org")
    refresh_profiles(TODAY)
    assert stored_member("00000001")["email"] == "new@example.org"
    assert stored_member("00000001")["allow_email"] is True
    primary.do_not_solicit = True
    primary.save()
    refresh_profiles(TODAY)
    assert stored_member("00000001")["denied_by"] == "do_not_solicit"
    primary.is_active = False
    primary.save()
    refresh_profiles(TODAY)
    found = stored_member("00000001")
    assert (found["email"], found["allow_email"], found["denied_by"]) == (None, True, None)


def test_only_rows_that_changed_are_written(view) -> None:
    view(town="constituent.city")
    first, second = person("1"), person("2")
    assert refresh_profiles(TODAY) == 2
    assert refresh_profiles(TODAY) == 0
    Constituent.objects.filter(pk=first.pk).update(nickname="not exported", version=2)
    Constituent.objects.filter(pk=second.pk).update(city="Bonn")
    assert refresh_profiles(TODAY) == 1
    mark_everyone_dirty()
    assert refresh_profiles(TODAY) == 0


@pytest.mark.parametrize("table", ["email_addresses", "memberships", "event_registrations", "gifts", "interests"])
def test_every_table_that_a_profile_is_made_of_marks_it_dirty(view, table: str) -> None:
    view(areas="interests.areas", total="gifts.total", level="membership.level_code", last="events.last_name")
    owner, other = person("1"), person("2")
    refresh_profiles(TODAY)
    make = {
        "email_addresses": {"address": "a@example.org"},
        "memberships": {
            "level_code": "A", "level_name": "A", "joined_on": TODAY, "begins_on": TODAY, "expires_on": TODAY
        },
        "event_registrations": {
            "event_code": "A", "event_name": "A", "event_on": TODAY, "registered_on": TODAY
        },
        "gifts": {"fund_code": "A", "amount": "5", "given_on": TODAY},
        "interests": {"area_code": "A"},
    }  # fmt: skip
    row = getattr(owner, table).create(**make[table])
    assert refresh_profiles(TODAY) == 1
    row.constituent = other  # as a merge does: both profiles change
    row.save()
    assert refresh_profiles(TODAY) == 2
    row.delete()
    assert refresh_profiles(TODAY) == 1


def test_a_deleted_constituent_has_no_profile(view) -> None:
    view()
    person("1")
    person("2").delete()
    refresh_profiles(TODAY)
    Constituent.objects.all().delete()
    assert refresh_profiles(TODAY) == 1
    assert stored_members().num_rows == 0


def test_customer_ids_can_change_places(view) -> None:
    view()
    first, second = person("1", first_name="One"), person("2", first_name="Two")
    refresh_profiles(TODAY)
    for row, master in ((first, "3"), (second, "1"), (first, "2")):
        Constituent.objects.filter(pk=row.pk).update(master_customer_id=master)
    refresh_profiles(TODAY)
    assert stored_member("1")["first_name"] == "Two"
    assert stored_member("2")["first_name"] == "One"


def test_a_change_of_the_view_rebuilds_everyone(view) -> None:
    view(town="constituent.city", land="constituent.country")
    person("1", city="Bonn", country="Germany")
    refresh_profiles(TODAY)
    before = stored_member("1")
    move_field("land", 1)
    assert refresh_profiles(TODAY) == 1
    assert stored_member("1")["hash_hi"] != before["hash_hi"]


def test_values_that_swap_their_slots_between_two_refreshes_are_found(view) -> None:
    view(town="constituent.city", land="constituent.country")
    person("1", city="Bonn", country="Germany")
    refresh_profiles(TODAY)
    view(land="constituent.country", town="constituent.city")
    move_field("town", 1)  # the same fields in the same order, so the same hash, in other slots
    refresh_profiles(TODAY)
    found = stored_member("1")
    assert (found["town"], found["land"]) == ("Bonn", "Germany")


def test_the_slot_of_a_field_taken_out_is_emptied(view) -> None:
    view(town="constituent.city", land="constituent.country")
    person("1", city="Bonn", country="Germany")
    refresh_profiles(TODAY)
    remove_field("land")
    refresh_profiles(TODAY)
    with connection.cursor() as cursor:
        cursor.execute("SELECT f1, f2 FROM profile")
        assert cursor.fetchone() == ("Bonn", None)


def test_an_attribute_may_have_any_name(view) -> None:
    name = 'it\'s "100 %" \\ {x} %s Größe'
    view(**{name: f"attribute:{name}"})
    person("1", attributes={name: "yes"})
    refresh_profiles(TODAY)
    assert stored_member("1")[name] == "yes"


def test_the_cost_of_a_refresh_follows_what_is_dirty(view) -> None:  # B2
    view(level="membership.level_code", last="events.last_name", total="gifts.total", areas="interests.areas")
    Constituent.objects.bulk_create(Constituent(master_customer_id=f"{number:08}") for number in range(3_000))
    refresh_profiles(TODAY)
    with connection.cursor() as cursor:
        for table in ("constituent", "email_address", "membership", "event_registration", "gift", "interest"):
            cursor.execute(f"ANALYZE {table}")
        cursor.execute("TRUNCATE profile_claim")
        cursor.execute("INSERT INTO profile_claim SELECT min(id) FROM constituent")
        cursor.execute("ANALYZE profile_claim")
        built = built_rows(view_fields(), TODAY, everyone=False)
        cursor.execute(sql.SQL("EXPLAIN {}").format(built))
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "constituent_pkey" in plan
    assert "Seq Scan on constituent" not in plan
