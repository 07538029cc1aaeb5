"""CRM360: finding someone, what their page says, and Edit contact information (S4–S6, S8)."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from rollkeeper.crm.constituents.models import Constituent, EmailAddress, PermissionChange
from rollkeeper.crm.constituents.permission import set_do_not_solicit
from rollkeeper.web.paging import write_key
from tests.crm.pages.association import Association, person

CRM360 = "/customers-and-committees/crm360/"


def found(client: Client, query: str) -> list[str]:
    """The customer ids on every page of a search, in their order."""
    ids: list[str] = []
    path = f"{CRM360}?{query}"
    while path:
        answer = client.get(path)
        assert answer.status_code == 200
        ids += [result.constituent.master_customer_id.lstrip("0") for result in answer.context["results"]]
        path = answer.context["page"].next_url and f"{CRM360}{answer.context['page'].next_url}"
    return ids


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("q=LOVE", ["1"]),  # last name, whatever the case
        ("q=grace", ["2"]),  # first name
        ("q=ada", ["1", "4"]),  # a first name and a company's label
        ("q=ada+love", ["1"]),  # label
        ("q=ŁUK", ["3"]),
        ("q=angstr+luk", ["3"]),
        ("q=adamant", ["4"]),
        ("q=2", ["2"]),  # an id without its leading zeros
        ("q=000000000002", ["2"]),
        ("q=000000000002-0", ["2"]),
        ("q=000000000002-1", []),
        ("q=00000000000", ["1", "2", "3", "4"]),
        ("q=Grace@", ["2"]),
        ("q=ADA@home.example", ["1"]),  # any address, not the primary one alone
        ("q=ada&by=email", ["1", "1"]),
        ("q=grace&by=customer_id", []),
        ("q=", ["1", "2", "3", "4"]),
        ("q=&by=name", ["1", "2", "3", "4"]),
        ("q=l_velace", []),  # no sign is a wildcard
        ("q=%25", []),
        ("q=%00ada", ["1", "4"]),
    ],
)
def test_a_search_finds_by_the_beginning_of_names_ids_and_addresses(
    association: Association, reader: Client, query: str, ids: list[str]
) -> None:
    assert found(reader, query) == ids


def test_a_long_search_is_paged_both_ways_and_shows_no_one_twice(db: None, reader: Client) -> None:
    for number in range(60):
        person(f"1{number:03}", "Sam", f"Smith{number:02}")
        person(f"2{number:03}", f"Smi{number:02}", "Smithers")  # two words that begin so
        person(f"3{number:03}", "X", "Y", label_name="Smooth", organization=f"Smiths {number:02}")
    pages = [CRM360 + "?q=smi"]
    forwards: list[str] = []
    while True:
        answer = reader.get(pages[-1])
        forwards += [result.constituent.master_customer_id for result in answer.context["results"]]
        if not answer.context["page"].next_url:
            break
        pages.append(CRM360 + answer.context["page"].next_url)
    assert len(forwards) == 180
    assert set(forwards) == {f"{way}{number:03}" for way in (1, 2, 3) for number in range(60)}
    backwards: list[str] = []
    path = CRM360 + answer.context["page"].previous_url
    while True:
        answer = reader.get(path)
        backwards = [result.constituent.master_customer_id for result in answer.context["results"]] + backwards
        if not answer.context["page"].previous_url:
            break
        path = CRM360 + answer.context["page"].previous_url
    assert backwards == forwards[:150]


@pytest.mark.parametrize(
    "key", [("a", 0, "b", "c"), (0, 0, 5, 1), (0, 0, "a", "x"), (0, 0, "a"), (True, 0, "a", 1), (0, "a", "a", 1)]
)
def test_a_page_address_of_another_list_is_refused(
    association: Association, reader: Client, key: tuple[object, ...]
) -> None:
    assert reader.get(f"{CRM360}?q=a&after={write_key(key)}").status_code == 400
    assert reader.get(f"{CRM360}?q=a&after=xyz").status_code == 400


def test_a_constituents_page_says_who_it_is_and_what_decides_the_permission(
    association: Association, reader: Client
) -> None:
    page = reader.get(f"{CRM360}{association.ada.pk}/").content.decode()
    for words in (
        "Ada Lovelace", "ada@home.example", "May be e-mailed", "Gold", "Annual meeting", "1,250.00", "ETHICS", "colour",
        "TEXANS", "Allow Solicitation and Allow Email are True",
    ):  # fmt: skip
        assert words in page, words
    denied = reader.get(f"{CRM360}{association.grace.pk}/").content.decode()
    assert "Allow Solicitation is False, and it controls Allow Email." in denied  # S4
    assert "Not e-mailed" in denied


def test_an_unknown_constituent_is_not_found(reader: Client) -> None:
    assert reader.get(f"{CRM360}99/").status_code == 404


def edit(client: Client, who: Constituent, **changes: object) -> Any:
    """Send the form as the page shows it, with these fields otherwise."""
    path = f"{CRM360}{who.pk}/edit-contact-information/"
    form = client.get(path).context["form"]
    shown = {name: form[name].value() for name in form.fields}
    return client.post(path, shown | changes)


def mark(address: str) -> str:
    return f"do_not_solicit_{EmailAddress.objects.get(address=address).pk}"


def test_do_not_solicit_by_email_is_saved_and_recorded(association: Association, clerk: Client) -> None:  # S5 S8
    answer = edit(clerk, association.ada, **{mark("ada@example.org"): "yes"})
    assert answer.status_code == 302
    assert EmailAddress.objects.get(address="ada@example.org").do_not_solicit
    assert not EmailAddress.objects.get(address="ada@home.example").do_not_solicit
    change = PermissionChange.objects.get()
    assert (change.changed_by, change.origin, change.field, change.old, change.new) == (
        "clerk", "CRM360 page", "do_not_solicit", False, True,
    )  # fmt: skip
    page = clerk.get(answer.url).content.decode()
    assert "Do Not Solicit by Email of ada@example.org is now True" in page
    assert "The primary address is marked Do Not Solicit by Email." in page
    assert edit(clerk, association.ada, **{mark("ada@example.org"): "no"}).status_code == 302  # S6
    assert "May be e-mailed" in clerk.get(answer.url).content.decode()


def test_opening_the_form_changes_nothing_and_saving_it_unmarked_neither(
    association: Association, clerk: Client
) -> None:  # S8
    answer = edit(clerk, association.ada)
    assert "Nothing was marked" in clerk.get(answer.url).content.decode()
    assert not PermissionChange.objects.exists()
    assert Constituent.objects.get(pk=association.ada.pk).version == 1


def test_several_marks_are_saved_together(association: Association, clerk: Client) -> None:
    edit(
        clerk, association.ada, allow_email="no",
        **{mark("ada@example.org"): "yes", mark("ada@home.example"): "yes"},
    )  # fmt: skip
    assert PermissionChange.objects.count() == 3


def test_allow_email_is_refused_while_solicitation_is_not_allowed(
    association: Association, clerk: Client
) -> None:  # S4
    edit(clerk, association.grace, allow_email="no")
    PermissionChange.objects.all().delete()
    answer = edit(clerk, association.grace, allow_email="yes", **{mark("grace@example.org"): "yes"})
    assert answer.status_code == 200
    assert "Allow Solicitation is False, and it controls" in answer.content.decode()
    assert not PermissionChange.objects.exists(), "nothing of a refused Save is kept"
    assert not EmailAddress.objects.get(address="grace@example.org").do_not_solicit
    assert answer.context["form"].marked(mark("grace@example.org").rpartition("_")[2]), "marks survive"


def test_both_flags_can_be_allowed_in_one_save(association: Association, clerk: Client) -> None:  # S4
    edit(clerk, association.grace, allow_email="no")
    assert edit(clerk, association.grace, allow_email="yes", allow_solicitation="yes").status_code == 302
    grace = Constituent.objects.get(pk=association.grace.pk)
    assert (grace.allow_solicitation, grace.allow_email) == (True, True)


def test_allowing_solicitation_restores_the_stored_allow_email(
    association: Association, clerk: Client
) -> None:  # S4
    answer = edit(clerk, association.grace, allow_solicitation="yes")
    assert "May be e-mailed" in clerk.get(answer.url).content.decode()
    assert PermissionChange.objects.count() == 1


def test_a_change_made_meanwhile_is_not_written_over(association: Association, clerk: Client) -> None:
    path = f"{CRM360}{association.ada.pk}/edit-contact-information/"
    form = clerk.get(path).context["form"]
    shown = {name: form[name].value() for name in form.fields}
    address = EmailAddress.objects.get(address="ada@example.org")
    set_do_not_solicit(address, True, author="grace", origin="import")
    answer = clerk.post(path, shown | {"allow_email": "no"})
    assert answer.status_code == 409
    page = answer.content.decode()
    assert "was changed by someone else while you had it open" in page
    assert "grace (import)" in page
    assert "Do Not Solicit by Email from False to True" in page
    assert Constituent.objects.get(pk=association.ada.pk).allow_email
    assert edit(clerk, association.ada, allow_email="no").status_code == 302, "the answer's form is up to date"


def test_the_whole_permission_history_is_paged(association: Association, clerk: Client) -> None:  # S8
    for _ in range(30):
        edit(clerk, association.ada, allow_email="no")
        edit(clerk, association.ada, allow_email="yes")
    path = f"{CRM360}{association.ada.pk}/permission-history/"
    page = clerk.get(path).context["page"]
    older = clerk.get(path + page.next_url).context["page"]
    changes = [change.new for change in (*page.rows, *older.rows)]
    assert changes == [True, False] * 30


def test_an_address_of_someone_else_cannot_be_changed(association: Association, clerk: Client) -> None:
    edit(clerk, association.ada, **{mark("grace@example.org"): "yes"})
    assert not EmailAddress.objects.get(address="grace@example.org").do_not_solicit


@pytest.mark.parametrize("sent", [{"version": "x"}, {"allow_email": "perhaps"}, {"version": ""}])
def test_nonsense_is_refused(association: Association, clerk: Client, sent: dict[str, str]) -> None:
    assert edit(clerk, association.ada, **sent).status_code == 200
    assert not PermissionChange.objects.exists()
