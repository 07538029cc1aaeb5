"""Why is a person in a target group, and does mail reach them: the steps and the reason codes. (B5)"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import product

import pytest

from rollkeeper.marketing.target_groups.why import Explanation, Facts, Reason, Subscriber, explain
from rollkeeper.sync.connector import PersonAtSource
from rollkeeper.sync.permission import OwnOptOuts, Status, status

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
LISTED = PersonAtSource(in_list=True, as_of=NOON, record_status="ACTIVE", email="a@example.org", allow_email=True)
SUBSCRIBER = Subscriber(
    status=Status.SUBSCRIBED,
    email="a@example.org",
    address_valid=True,
    allow_email=True,
    denied_by=None,
    changed_by_run=3,
)
MEMBER = Facts(
    code="ALL",
    source=LISTED,
    source_error="",
    synced_at=NOON,
    list_as_of=NOON,
    subscriber=SUBSCRIBER,
    member_since_run=3,
    set_aside=None,
    held=False,
    stands_for_address=None,
)
STRANGER = replace(MEMBER, subscriber=None, member_since_run=None)


def details(found: Explanation) -> str:
    return " ".join(step.detail for step in found.steps)


def test_a_member_whom_nothing_keeps_from_mail() -> None:
    found = explain(MEMBER)
    assert (found.is_in, found.receives, found.reason) == (True, True, None)
    assert all(step.answer for step in found.steps)


def test_who_is_not_in_the_list() -> None:
    found = explain(replace(STRANGER, source=replace(LISTED, in_list=False)))
    assert (found.is_in, found.receives, found.reason) == (False, False, Reason.NOT_IN_LIST)


def test_who_came_into_the_list_after_the_last_sync() -> None:
    found = explain(STRANGER)
    assert found.reason is Reason.NOT_SYNCED
    assert "sync again" in details(found)


def test_a_group_that_was_never_synced() -> None:
    assert explain(replace(STRANGER, synced_at=None, list_as_of=None)).reason is Reason.NOT_SYNCED


def test_a_row_that_was_set_aside_is_named_with_its_reason() -> None:
    found = explain(replace(STRANGER, set_aside="too_long"))
    assert found.reason is Reason.SET_ASIDE
    assert "longer than" in details(found)


def test_a_held_removal_is_told_and_does_not_stop_mail() -> None:
    found = explain(replace(MEMBER, source=replace(LISTED, in_list=False), held=True))  # B3
    assert (found.is_in, found.receives, found.reason) == (True, True, Reason.HELD)


def test_an_opt_out_outweighs_a_held_removal() -> None:
    opted_out = replace(SUBSCRIBER, status=Status.UNSUBSCRIBED)
    found = explain(replace(MEMBER, subscriber=opted_out, held=True))
    assert (found.receives, found.reason) == (False, Reason.OWN_UNSUBSCRIBE)


def test_the_flags_that_deny_are_named_in_words() -> None:
    denied = replace(
        SUBSCRIBER, status=Status.UNSUBSCRIBED_REMOTE, allow_email=False, denied_by="allow_email,do_not_solicit"
    )
    found = explain(replace(MEMBER, subscriber=denied))
    assert (found.is_in, found.receives, found.reason) == (True, False, Reason.EMAIL_NOT_ALLOWED)  # S7
    assert "Allow Email is off" in details(found)
    assert "Do Not Solicit by Email" in details(found)


def test_who_shares_an_address_learns_who_is_mailed_instead() -> None:
    found = explain(replace(MEMBER, stands_for_address="0001-0"))  # B14
    assert (found.receives, found.reason) == (False, Reason.DUPLICATE_ADDRESS)
    assert "0001-0" in details(found)


def test_a_crm_that_does_not_answer_leaves_its_question_open_and_the_rest_told() -> None:
    found = explain(replace(MEMBER, source=None, source_error="The CRM does not answer."))
    assert found.steps[0].answer is None
    assert "does not answer" in found.steps[0].detail
    assert (found.is_in, found.receives) == (True, True)


@pytest.mark.parametrize("allow_email", [True, False])
@pytest.mark.parametrize(("email", "valid"), [("a@example.org", True), ("a@", False), (None, False)])
@pytest.mark.parametrize("own", [OwnOptOuts(*flags) for flags in product([False, True], repeat=4)])
def test_mail_reaches_exactly_those_whose_status_is_subscribed(
    allow_email: bool, email: str | None, valid: bool, own: OwnOptOuts
) -> None:
    """The explanation and the one rule of `sync/permission.py` never disagree."""
    word = status(allow_email, email, valid, own)
    person = Subscriber(word, email, valid, allow_email, None, changed_by_run=1)
    found = explain(replace(MEMBER, subscriber=person))
    assert found.receives == (word is Status.SUBSCRIBED)
    assert (found.reason is None) == found.receives
