"""The personalization view: fields come, move and go (S25)."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps

from rollkeeper.crm.personalization.fields import (
    FieldRefused,
    ViewFull,
    add_field,
    change_source,
    move_field,
    remove_field,
    view_fields,
)
from rollkeeper.crm.personalization.models import PersonalizationField, WithdrawnField
from rollkeeper.crm.personalization.sources import UnknownSource, catalogue
from rollkeeper.sync.member import RESERVED_NAMES

pytestmark = pytest.mark.django_db


def names() -> list[str]:
    return [field.name for field in view_fields()]


def test_a_fresh_installation_has_a_small_view() -> None:
    PersonalizationField.objects.all().delete()
    import_module("rollkeeper.crm.personalization.migrations.0003_default_view").create(apps, None)
    assert names() == [
        "label_name", "organization", "job_title", "city", "state",
        "membership_level", "membership_expires_on", "total_given",
    ]  # fmt: skip
    for field in view_fields():
        assert catalogue()[field.source].type == field.type


def test_a_field_goes_to_the_end_with_its_sources_type_and_label(view) -> None:
    view(town="constituent.city")
    field = add_field("ends", "membership.expires_on")
    assert names() == ["town", "ends"]
    assert (field.type, field.label) == ("date", "Membership expires on")


def test_a_field_that_was_added_takes_the_slot_of_one_that_was_taken_out(view) -> None:
    view(one="constituent.city", two="constituent.state", three="constituent.country")
    remove_field("two")
    assert add_field("four", "attribute:four").slot == 2
    assert names() == ["one", "three", "four"]


def test_a_hundred_fields_are_the_most(view) -> None:
    view(**{f"a{number}": f"attribute:{number}" for number in range(100)})
    with pytest.raises(ViewFull, match="100 fields"):
        add_field("one_more", "constituent.city")


@pytest.mark.parametrize("name", sorted(RESERVED_NAMES | {"status"}))
def test_the_name_of_a_members_own_column_is_refused(view, name: str) -> None:
    view()
    with pytest.raises(FieldRefused, match=name):
        add_field(name, "constituent.city")


@pytest.mark.parametrize("name", ["", "  ", "a\tb", "a\nb", "a\x1fb", "x" * 101])
def test_a_name_that_cannot_be_one_is_refused(view, name: str) -> None:
    view()
    with pytest.raises(FieldRefused):
        add_field(name, "constituent.city")


def test_a_name_that_is_there_is_refused(view) -> None:
    view(town="constituent.city")
    with pytest.raises(FieldRefused, match="already"):
        add_field("town", "constituent.state")


def test_an_unknown_source_is_refused_with_those_there_are(view) -> None:
    view()
    with pytest.raises(UnknownSource, match=r"constituent\.city.*attribute:NAME"):
        add_field("town", "constituent.town")


def test_a_field_taken_out_is_remembered_until_it_is_put_back(view) -> None:
    view(town="constituent.city")
    remove_field("town")
    assert WithdrawnField.objects.filter(name="town").exists()
    add_field("town", "constituent.city")
    assert not WithdrawnField.objects.exists()


def test_taking_out_what_is_not_there_says_what_is(view) -> None:
    view(town="constituent.city")
    with pytest.raises(FieldRefused, match="Its fields are: town"):
        remove_field("village")


def test_a_field_moves_to_its_place(view) -> None:
    view(a="attribute:a", b="attribute:b", c="attribute:c")
    move_field("c", 1)
    assert names() == ["c", "a", "b"]
    move_field("c", 2)
    assert names() == ["a", "c", "b"]
    with pytest.raises(FieldRefused, match="from 1 to 3"):
        move_field("c", 4)


def test_a_fields_source_can_change(view) -> None:
    view(when="membership.expires_on")
    assert change_source("when", "attribute:when").type == "text"
