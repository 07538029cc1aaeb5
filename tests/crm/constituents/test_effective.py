"""What decides whether someone is e-mailed, in one sentence (S4, S6)."""

from __future__ import annotations

import pytest

from rollkeeper.crm.constituents.effective import Effective, effective_permissions
from rollkeeper.crm.constituents.models import Constituent, EmailAddress

SOLICITATION = "Allow Solicitation is False, and it controls Allow Email"
MARKED = "he primary address is marked Do Not Solicit by Email."
NOWHERE = "There is no active primary e-mail address, so there is nowhere to send to."


@pytest.mark.parametrize(
    ("solicitation", "email_flag", "address", "may_be_mailed", "sentence"),
    [
        (True, True, {}, True, "Allow Solicitation and Allow Email are True, and the primary address is not marked Do Not Solicit by Email."),
        (False, True, {}, False, f"{SOLICITATION}."),
        (True, False, {}, False, "Allow Email is False."),
        (True, True, {"do_not_solicit": True}, False, f"T{MARKED}"),
        (True, False, {"do_not_solicit": True}, False, f"Allow Email is False, and t{MARKED}"),
        (False, False, {"do_not_solicit": True}, False, f"{SOLICITATION}, Allow Email is False, and t{MARKED}"),
        (True, True, None, False, NOWHERE),
        (True, True, {"is_active": False}, False, NOWHERE),
        (True, True, {"is_primary": False, "do_not_solicit": True}, False, NOWHERE),
        (False, True, None, False, f"{SOLICITATION}. {NOWHERE}"),
    ],
)  # fmt: skip
def test_the_sentence_names_everything_that_decides(
    db: None,
    solicitation: bool,
    email_flag: bool,
    address: dict[str, bool] | None,
    may_be_mailed: bool,
    sentence: str,
) -> None:
    person = Constituent.objects.create(
        master_customer_id="1", allow_solicitation=solicitation, allow_email=email_flag
    )
    if address is not None:
        EmailAddress.objects.create(constituent=person, address="ada@example.org", **address)
    found = effective_permissions([person.pk])[person.pk]
    assert (found.may_be_mailed, found.sentence) == (may_be_mailed, sentence)


def test_nobody_asked_for_is_nobody_answered(db: None) -> None:
    assert effective_permissions([]) == {}
    assert Effective(None, allow_email=True).may_be_mailed is False
