"""Editing a constituent on its pages: addresses, details, what belongs to it; and two people at one record (S8, B22)."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client

from rollkeeper.crm.audit.models import RecordChange
from rollkeeper.crm.constituents.models import Constituent, EmailAddress
from rollkeeper.crm.constituents.permission import set_allow_email, set_do_not_solicit
from tests.crm.pages.association import Association

CRM360 = "/customers-and-committees/crm360/"
OTHER = {"author": "grace", "origin": "import"}


def path(who: Constituent, page: str = "") -> str:
    return f"{CRM360}{who.pk}/{page}"


def shown(client: Client, page: str) -> dict[str, Any]:
    """A form as its page shows it."""
    form = client.get(page).context["form"]
    return {name: "" if (value := form[name].value()) is None else value for name in form.fields}


def sent(client: Client, page: str, **changes: object) -> Any:
    return client.post(page, shown(client, page) | changes)


def address(text: str) -> EmailAddress:
    return EmailAddress.objects.get(address=text)


CONTACT = "edit-contact-information/"


def test_addresses_are_added_changed_and_removed_in_one_save(association: Association, clerk: Client) -> None:
    work, home = address("ada@example.org").pk, address("ada@home.example").pk
    answer = sent(
        clerk, path(association.ada, CONTACT), primary="new_0", address_new_0="ada@new.example", location_new_0="OTHER",
        **{f"address_{work}": "ada.l@example.org", f"remove_{home}": "on", "address_new_1": "ada@two.example", "do_not_solicit_new_1": "yes"},
    )  # fmt: skip
    assert answer.status_code == 302
    page = clerk.get(answer.url).content.decode()
    for words in (
        "ada@home.example was removed", "ada@example.org is now ada.l@example.org",
        "ada@new.example was added as the primary address", "ada@two.example was added",
    ):  # fmt: skip
        assert words in page, words
    found = association.ada.email_addresses.order_by("address").values_list(
        "address", "is_primary", "do_not_solicit"
    )
    assert list(found) == [
        ("ada.l@example.org", False, False), ("ada@new.example", True, False), ("ada@two.example", False, True),
    ]  # fmt: skip


def test_an_address_that_cannot_be_is_said_beside_its_field_and_what_was_typed_stays(
    association: Association, clerk: Client
) -> None:
    answer = sent(clerk, path(association.ada, CONTACT), address_new_0="nonsense", allow_email="no")
    assert answer.status_code == 200
    assert "is no e-mail address" in answer.context["form"].errors["address_new_0"][0]
    assert 'value="nonsense"' in answer.content.decode()
    assert Constituent.objects.get(pk=association.ada.pk).allow_email


def test_the_primary_address_cannot_be_left_open(association: Association, clerk: Client) -> None:
    pk = address("ada@example.org").pk
    answer = sent(clerk, path(association.ada, CONTACT), **{f"remove_{pk}": "on"})
    assert "Choose which of the addresses is the primary one" in answer.content.decode()


def test_the_first_address_of_someone_becomes_the_primary_one(association: Association, clerk: Client) -> None:
    company = Constituent.objects.get(master_customer_id="000000000004")
    sent(clerk, path(company, CONTACT), address_new_0="office@adamant.example")
    assert address("office@adamant.example").is_primary


def test_both_peoples_changes_are_kept_when_they_touch_different_things(
    association: Association, clerk: Client
) -> None:
    page = path(association.ada, CONTACT)
    mine = shown(clerk, page) | {"address_new_0": "ada@new.example"}
    set_do_not_solicit(address("ada@example.org"), True, **OTHER)
    answer = clerk.post(page, mine)
    assert answer.status_code == 409
    words = answer.content.decode()
    assert "What you typed is still here" in words
    assert "grace (import)" in words
    assert "Do Not Solicit by Email of ada@example.org" in words
    assert not EmailAddress.objects.filter(address="ada@new.example").exists(), "nothing before the second Save"
    again = {
        name: "" if (value := answer.context["form"][name].value()) is None else value
        for name in answer.context["form"].fields
    }
    assert again["address_new_0"] == "ada@new.example", "nothing is typed twice"
    assert again[f"do_not_solicit_{address('ada@example.org').pk}"] == "yes", "the other's change stays"
    assert clerk.post(page, again).status_code == 302
    assert address("ada@example.org").do_not_solicit
    assert address("ada@new.example").pk


def test_where_both_changed_the_same_the_page_shows_both_and_the_author_decides(
    association: Association, clerk: Client
) -> None:
    page = path(association.ada, "edit-details/")
    mine = shown(clerk, page) | {"city": "Dallas", "job_title": "Countess"}
    other = shown(clerk, page) | {"city": "London", "state": "UK"}
    assert clerk.post(page, other).status_code == 302
    answer = clerk.post(page, mine)
    assert answer.status_code == 409
    lines = {line.label: (line.seen, line.now, line.wanted) for line in answer.context["conflict"].lines}
    assert lines == {"City": ("Austin", "London", "Dallas"), "State": ("TX", "UK", "")}
    form = answer.context["form"]
    assert (form["city"].value(), form["state"].value(), form["job_title"].value()) == ("Dallas", "UK", "Countess")
    again = {name: "" if (value := form[name].value()) is None else value for name in form.fields}
    assert clerk.post(page, again).status_code == 302
    ada = Constituent.objects.get(pk=association.ada.pk)
    assert (ada.city, ada.state, ada.job_title) == ("Dallas", "UK", "Countess")


@pytest.mark.parametrize(
    ("page", "mine"), [(CONTACT, {"address_new_0": "a@new.example"}), ("edit-details/", {"city": "Dallas"})]
)
def test_a_change_in_the_last_instant_before_the_lock_is_a_conflict_too(
    association: Association, clerk: Client, page: str, mine: dict[str, str]
) -> None:
    sent_form = shown(clerk, path(association.ada, page)) | mine
    done: list[bool] = []

    def just_before_the_lock(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "FOR UPDATE" in sql and not done:
            done.append(True)
            set_allow_email(Constituent.objects.get(pk=association.ada.pk), False, **OTHER)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(just_before_the_lock):
        answer = clerk.post(path(association.ada, page), sent_form)
    assert done
    assert answer.status_code == 409
    form = answer.context["form"]
    assert form[next(iter(mine))].value() == next(iter(mine.values()))
    again = {name: "" if (value := form[name].value()) is None else value for name in form.fields}
    # (What was done before the lock was done on this test's one connection, and went with the refused Save.)
    assert clerk.post(path(association.ada, page), again).status_code == 302


def test_a_change_of_something_else_is_no_conflict(association: Association, clerk: Client) -> None:
    page = path(association.ada, "edit-details/")
    mine = shown(clerk, page) | {"city": "Dallas"}
    set_allow_email(association.ada, False, **OTHER)
    assert clerk.post(page, mine).status_code == 302
    assert Constituent.objects.get(pk=association.ada.pk).city == "Dallas"


def test_a_page_that_does_not_say_what_it_showed_is_out_of_date_after_any_change(
    association: Association, clerk: Client
) -> None:
    page = path(association.ada, "edit-details/")
    mine = {name: value for name, value in shown(clerk, page).items() if name != "seen"} | {"city": "Dallas"}
    set_allow_email(association.ada, False, **OTHER)
    assert clerk.post(page, mine).status_code == 409
    assert Constituent.objects.get(pk=association.ada.pk).city == "Austin"


def test_details_and_attributes_are_edited(association: Association, clerk: Client) -> None:
    page = path(association.ada, "edit-details/")
    answer = sent(
        clerk,
        page,
        last_name="King",
        do_not_call="on",
        new_attribute="shoe",
        new_value="39",
        **{"attribute:colour": ""},
    )
    words = clerk.get(answer.url).content.decode()
    assert "Saved: Last name, Do not call, Attribute colour, Attribute shoe." in words
    ada = Constituent.objects.get(pk=association.ada.pk)
    assert (ada.last_name, ada.do_not_call, ada.attributes) == ("King", True, {"shoe": "39"})
    assert "Attribute shoe" in clerk.get(path(association.ada, "changes/")).content.decode()


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({"first_name": "", "last_name": "", "label_name": ""}, "last_name", "Give a first name"),
        ({"city": "a\x07"}, "city", "control character"),
        ({"new_attribute": "city", "new_value": "x"}, "new_attribute", "field of every constituent"),
        ({"new_attribute": "colour", "new_value": "x"}, "new_attribute", "already"),
        ({"new_attribute": "shoe"}, "new_value", "fill in both"),
        ({"status": "DUPLICATE"}, "status", "Select a valid choice"),
    ],
)
def test_details_that_cannot_be_are_refused_in_words(
    association: Association, clerk: Client, typed: dict[str, str], field: str, words: str
) -> None:
    answer = sent(clerk, path(association.ada, "edit-details/"), **typed)
    assert answer.status_code == 200
    assert words in answer.context["form"].errors[field][0]
    assert not RecordChange.objects.filter(subject_kind="constituent").exists()


def test_a_stored_status_that_is_no_choice_stays_one(association: Association, clerk: Client) -> None:
    Constituent.objects.filter(pk=association.ada.pk).update(status="DUPLICATE")
    assert sent(clerk, path(association.ada, "edit-details/"), city="Dallas").status_code == 302
    assert Constituent.objects.get(pk=association.ada.pk).status == "DUPLICATE"


def test_a_gift_is_added_changed_and_removed(association: Association, clerk: Client) -> None:
    page = path(association.grace, "gifts/")
    answer = clerk.post(
        f"{page}add/", {"version": 1, "fund_code": "ANNUAL", "amount": "12.5", "given_on": "2026-01-02"}
    )
    assert "Added: Gift to ANNUAL on 2026-01-02." in clerk.get(answer.url).content.decode()
    gift = association.grace.gifts.get()
    answer = sent(clerk, f"{page}{gift.pk}/", amount="20.00")
    assert "20.00" in clerk.get(answer.url).content.decode()
    seen = shown(clerk, f"{page}{gift.pk}/")["seen"]
    clerk.post(f"{page}{gift.pk}/remove/", {"seen": seen})
    assert not association.grace.gifts.exists()
    history = clerk.get(path(association.grace, "changes/")).content.decode()
    for words in ("Gift to ANNUAL on 2026-01-02", "Created", "Removed", "12.50", "clerk"):
        assert words in history, words


def test_a_gift_that_cannot_be_is_refused_beside_its_field(association: Association, clerk: Client) -> None:
    answer = clerk.post(
        path(association.grace, "gifts/add/"),
        {"version": 1, "fund_code": "A", "amount": "-1", "given_on": "2026-13-01"},
    )
    assert answer.context["form"].errors.keys() == {"given_on"}
    answer = clerk.post(
        path(association.grace, "gifts/add/"),
        {"version": 1, "fund_code": "A", "amount": "0", "given_on": "2026-01-01"},
    )
    assert "more than nothing" in answer.context["form"].errors["amount"][0]


def test_a_line_that_someone_else_changed_is_asked_for_again(association: Association, clerk: Client) -> None:
    gift = association.ada.gifts.get()
    page = path(association.ada, f"gifts/{gift.pk}/")
    mine = shown(clerk, page) | {"amount": "1.00"}
    seen = mine["seen"]
    assert sent(clerk, page, fund_code="MUSEUM").status_code == 302
    answer = clerk.post(page, mine)
    assert answer.status_code == 409
    form = answer.context["form"]
    assert (form["amount"].value(), form["fund_code"].value()) == ("1.00", "MUSEUM")
    assert clerk.post(f"{page}remove/", {"seen": seen}).url == page, "a removal of what was not seen is asked again"
    assert association.ada.gifts.get().fund_code == "MUSEUM"


def test_what_belongs_to_someone_else_or_to_no_kind_is_not_found(association: Association, clerk: Client) -> None:
    gift = association.ada.gifts.get()
    assert clerk.get(path(association.grace, f"gifts/{gift.pk}/")).status_code == 404
    assert clerk.get(path(association.ada, "secrets/add/")).status_code == 404
    assert clerk.post(path(association.grace, f"gifts/{gift.pk}/remove/")).status_code == 404


def test_a_reader_sees_everything_and_no_way_to_change_it(
    association: Association, reader: Client, clerk: Client
) -> None:
    ways = ("Edit contact information", "Edit details", "Add a gift", "Add an interest", "Change</")
    read, kept = (client.get(path(association.ada)).content.decode() for client in (reader, clerk))
    for words in ways[:-1]:
        assert words not in read, words
        assert words in kept, words
    assert "Create New Constituent" not in reader.get(CRM360).content.decode()
    assert "Create New Constituent" in clerk.get(CRM360).content.decode()
