"""Create New Constituent: a wizard whose third step is Special Info, and which writes nothing before its Save (S3, S4)."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from rollkeeper.crm.audit.models import RecordChange
from rollkeeper.crm.constituents.effective import effective_permissions
from rollkeeper.crm.constituents.models import Constituent, PermissionChange
from rollkeeper.crm.constituents.new_constituent import NewConstituent, create_constituent
from rollkeeper.crm.constituents.new_draft import SESSION_KEY
from tests.crm.pages.association import Association, person

CRM360 = "/customers-and-committees/crm360/"
NAME = {"record_type": "I", "first_name": "Mary", "last_name": "Jackson"}
CONTACT = {"email": "mary@example.org", "location_code": "WORK", "city": "Hampton"}
ALLOWED = {"allow_solicitation": "yes", "allow_email": "yes"}


class Wizard:
    """A person at the wizard. `say` answers the step that is open, and goes where the answer leads."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.go(client.get(f"{CRM360}create-new-constituent/").url)

    def go(self, path: str) -> None:
        self.answer = self.client.get(path)
        while self.answer.status_code == 302:
            path = self.answer.url
            self.answer = self.client.get(path)
        self.path = path
        assert self.answer.status_code == 200

    def say(self, **typed: str) -> Wizard:
        self.answer = self.client.post(self.path, typed)
        if self.answer.status_code == 302:
            self.go(self.answer.url)
        return self

    @property
    def step(self) -> str:
        return self.path.rstrip("/").rpartition("/")[2]

    @property
    def page(self) -> str:
        return self.answer.content.decode()

    def errors(self) -> dict[str, list[str]]:
        return {name: list(errors) for name, errors in self.answer.context["form"].errors.items()}


@pytest.fixture
def wizard(db: None, clerk: Client) -> Wizard:
    return Wizard(clerk)


def test_a_constituent_is_created_in_four_steps(wizard: Wizard) -> None:  # S3
    assert wizard.step == "name"
    wizard.say(**NAME)
    assert wizard.step == "contact-information"
    wizard.say(**CONTACT)
    assert wizard.step == "special-info"
    assert "Allow Email" in wizard.page
    wizard.say(**ALLOWED)
    assert wizard.step == "review"
    for words in ("Mary", "Jackson", "mary@example.org", "Hampton", "May be e-mailed", "000000000001"):
        assert words in wizard.page, words
    assert not Constituent.objects.exists(), "nothing is written before Save"
    assert not RecordChange.objects.exists()
    wizard.say()
    made = Constituent.objects.get()
    assert (made.master_customer_id, made.sub_customer_id, made.label_name, made.city) == (
        "000000000001", "0", "Mary Jackson", "Hampton",
    )  # fmt: skip
    assert wizard.path == f"{CRM360}{made.pk}/"
    assert "Created Mary Jackson" in wizard.page
    address = made.email_addresses.get()
    assert (address.address, address.is_primary, address.do_not_solicit) == ("mary@example.org", True, False)
    assert effective_permissions([made.pk])[made.pk].may_be_mailed


def test_who_created_it_is_on_record_with_the_permissions_that_were_given(wizard: Wizard) -> None:  # S8
    wizard.say(**NAME).say(**CONTACT).say(allow_solicitation="yes", allow_email="no").say()
    entry = RecordChange.objects.get()
    assert (entry.author, entry.origin, entry.action, entry.version) == ("clerk", "CRM360 page", "created", 1)
    assert ["email", None, "mary@example.org"] in entry.changes
    given = list(PermissionChange.objects.order_by("id").values_list("field", "old", "new", "changed_by"))
    assert given == [
        ("allow_solicitation", None, True, "clerk"),
        ("allow_email", None, False, "clerk"),
        ("do_not_solicit", None, False, "clerk"),
    ]
    made = Constituent.objects.get()
    assert not made.allow_email
    assert not effective_permissions([made.pk])[made.pk].may_be_mailed


def test_allow_email_is_refused_without_solicitation(wizard: Wizard) -> None:  # S4
    wizard.say(**NAME).say(**CONTACT).say(allow_solicitation="no", allow_email="yes")
    assert (
        "Allow Email cannot be set to True while Allow Solicitation is False" in wizard.errors()["allow_email"][0]
    )
    assert "Allow Solicitation is False, and it controls Allow Email." in wizard.page
    wizard.say(allow_solicitation="no", allow_email="no")
    assert wizard.step == "review"
    wizard.say()
    assert not Constituent.objects.get().allow_email


@pytest.mark.parametrize(
    ("typed", "field", "words"),
    [
        ({}, "last_name", "Give a first name"),
        ({"record_type": "X", "last_name": "A"}, "record_type", "Select a valid choice"),
        ({"record_type": "I", "last_name": "a" * 256}, "last_name", "at most 255 characters"),
        ({"record_type": "I", "last_name": "a\x07"}, "last_name", "control character"),
        ({"record_type": "I", "organization": "Works there"}, "last_name", "Give a first name"),
        ({"record_type": "I", "last_name": "A", "master_customer_id": "000000000001"}, "master_customer_id", "There is a constituent 000000000001-0 already"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_beside_its_field(
    association: Association, clerk: Client, typed: dict[str, str], field: str, words: str
) -> None:
    wizard = Wizard(clerk).say(**typed)
    assert wizard.step == "name"
    assert words in wizard.errors()[field][0]
    for name, value in typed.items():
        assert wizard.answer.context["form"][name].value() == value, "what was typed stays"


def test_an_address_is_looked_at(wizard: Wizard) -> None:
    wizard.say(**NAME).say(email="mary at example", location_code="WORK")
    assert "is no e-mail address" in wizard.errors()["email"][0]
    wizard.say(email="", location_code="WORK")
    assert wizard.step == "special-info"
    assert "nowhere to send to" in wizard.say(**ALLOWED).page
    wizard.say()
    assert not Constituent.objects.get().email_addresses.exists()


def test_back_and_forward_keep_what_was_typed_and_every_page_can_be_loaded_again(wizard: Wizard) -> None:
    wizard.say(**NAME)
    wizard.say(email="not yet an add", location_code="HOME", back="yes")
    assert wizard.step == "name"
    assert wizard.answer.context["form"]["first_name"].value() == "Mary"
    wizard.say(**NAME, middle_name="W.")
    assert wizard.answer.context["form"]["email"].value() == "not yet an add", "kept, though it is none"
    wizard.say(**CONTACT).say(**ALLOWED)
    wizard.go(wizard.path)
    assert wizard.step == "review"
    assert "W." in wizard.page
    wizard.say(back="yes")
    assert wizard.step == "special-info"
    assert not Constituent.objects.exists()


def test_a_later_step_leads_to_the_first_that_is_missing(wizard: Wizard) -> None:
    base = wizard.path.removesuffix("name/")
    for step in ("special-info/", "review/", "contact-information/"):
        wizard.go(base + step)
        assert wizard.step == "name"
    wizard.say(**NAME)
    wizard.go(base + "review/")
    assert wizard.step == "contact-information"
    assert wizard.client.post(base + "review/").url.endswith("contact-information/")
    assert not Constituent.objects.exists()
    assert wizard.client.get(base + "no-such-step/").status_code == 404


def test_saving_twice_creates_one(wizard: Wizard) -> None:
    wizard.say(**NAME).say(**CONTACT).say(**ALLOWED)
    review = wizard.path
    first, second = wizard.client.post(review), wizard.client.post(review)
    assert first.url == second.url
    assert Constituent.objects.count() == 1
    assert wizard.client.get(review).url == first.url, "going back to the review leads to who was created"
    assert wizard.client.get(review.replace("review", "name")).url == first.url


def test_several_can_be_at_work_at_once(wizard: Wizard, clerk: Client) -> None:
    other = Wizard(clerk)
    other.say(record_type="I", last_name="Vaughan")
    wizard.say(**NAME).say(**CONTACT).say(**ALLOWED).say()
    other.say(email="", location_code="WORK").say(**ALLOWED).say()
    assert sorted(Constituent.objects.values_list("last_name", flat=True)) == ["Jackson", "Vaughan"]
    for _ in range(8):
        Wizard(clerk).say(**NAME)
    assert len(clerk.session[SESSION_KEY]) == 5


@pytest.mark.parametrize(
    ("there", "given"),
    [
        ([], "000000000001"),
        (["000000000041"], "000000000042"),
        (["00000009", "00000007"], "00000010"),  # as wide as the association's
        (["00000009", "X17", "zz"], "00000010"),
        (["99", "98"], "01"),  # at the end: the free one after the largest whose successor is free; there is none
        (["99", "97"], "98"),
        (["007", "A-1"], "008"),
    ],
)
def test_the_next_free_id_is_given(wizard: Wizard, there: list[str], given: str) -> None:
    for master in there:
        person(master, "A", "B")
    wizard.say(**NAME).say(**CONTACT).say(**ALLOWED).say()
    assert Constituent.objects.get(last_name="Jackson").master_customer_id == given


def test_people_created_at_once_get_ids_of_their_own(transactional_db: None) -> None:
    def create(number: int) -> str:
        try:
            new = NewConstituent({"record_type": "I", "last_name": f"N{number}"}, True, False)
            return create_constituent(new, author="a", origin="o").master_customer_id
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        ids = list(pool.map(create, range(12)))
    assert sorted(ids) == [f"{number:012}" for number in range(1, 13)]


def test_an_id_can_be_typed(wizard: Wizard) -> None:
    wizard.say(**NAME, master_customer_id="MJ-1").say(**CONTACT).say(**ALLOWED)
    assert "MJ-1" in wizard.page
    wizard.say()
    assert Constituent.objects.get().master_customer_id == "MJ-1"


def test_an_id_that_was_taken_meanwhile_is_said_and_nothing_is_written(wizard: Wizard) -> None:
    wizard.say(**NAME, master_customer_id="7").say(**CONTACT).say(**ALLOWED)
    person("7", "Someone", "Else")
    wizard.say()
    assert wizard.step == "name"
    assert (
        "There is a constituent 7-0 already"
        in wizard.say(**NAME, master_customer_id="7").errors()["master_customer_id"][0]
    )
    assert Constituent.objects.count() == 1


def reasons(answer: Any) -> list[tuple[str, str]]:
    return [(found.constituent.master_customer_id, found.reason) for found in answer.context["duplicates"]]


def test_someone_who_may_be_there_already_is_shown_and_the_clerk_may_go_on(db: None, clerk: Client) -> None:
    person("1", "Mary", "Jackson", "MARY@example.org", city="Hampton")
    person("2", "MÀRY", "Jacksón", organization="NASA")
    person("3", "Mary", "Jackson-Smith", city="Hampton")
    person("4", "Jackson", "Mary", city="Hampton")
    wizard = Wizard(clerk).say(**NAME)
    assert [who for who, _ in reasons(wizard.answer)] == ["1", "2"], "the name alone, while nothing more is known"
    assert f"{CRM360}{Constituent.objects.get(master_customer_id='1').pk}/" in wizard.page
    wizard.say(**CONTACT)
    assert reasons(wizard.answer) == [("1", "the same e-mail address, the same name and city")]
    wizard.say(**ALLOWED).say()
    assert Constituent.objects.filter(last_name="Jackson", first_name="Mary").count() == 2


def test_a_company_is_compared_by_its_name(db: None, clerk: Client) -> None:
    person("1", "", "", label_name="Münchner Rück AG", organization="Münchner Rück AG", record_type="C")
    wizard = Wizard(clerk).say(record_type="C", organization="MUNCHNER RUCK AG")
    assert reasons(wizard.answer) == [("1", "the same name and organization")]
    wizard.say(email="", location_code="WORK").say(**ALLOWED).say()
    made = Constituent.objects.latest("id")
    assert (made.record_type, made.label_name) == ("C", "MUNCHNER RUCK AG")
