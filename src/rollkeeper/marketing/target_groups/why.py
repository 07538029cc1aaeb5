"""Why is a person in a target group or not, and why does mail reach them or not (B5).

`explain` is pure: it takes what `why_facts.py` found and gives the steps in the order in which a row travels,
from the CRM's list to the mailing. The last word of each step is its own; the verdict's reason is the first
step that keeps the person from mail.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rollkeeper.sync.connector import PersonAtSource
from rollkeeper.sync.permission import Status
from rollkeeper.sync.set_aside import Reason as SetAside


class Reason(StrEnum):
    """The reason codes of B5, and those for who never came over."""

    NOT_IN_LIST = "not_in_list"
    NOT_SYNCED = "not_synced"
    SET_ASIDE = "set_aside"
    HELD = "held"
    SUPPRESSED = "suppressed"
    COMPLAINT = "complaint"
    OWN_UNSUBSCRIBE = "own_unsubscribe"
    HARD_BOUNCE = "hard_bounce"
    EMAIL_NOT_ALLOWED = "email_not_allowed"
    NO_PRIMARY_ADDRESS = "no_primary_address"
    INVALID_ADDRESS = "invalid_address"
    DUPLICATE_ADDRESS = "duplicate_address"


OF_STATUS = {
    Status.SUPPRESSED: Reason.SUPPRESSED,
    Status.COMPLAINED: Reason.COMPLAINT,
    Status.UNSUBSCRIBED: Reason.OWN_UNSUBSCRIBE,
    Status.BOUNCED: Reason.HARD_BOUNCE,
    Status.UNSUBSCRIBED_REMOTE: Reason.EMAIL_NOT_ALLOWED,
    Status.NO_ADDRESS: Reason.NO_PRIMARY_ADDRESS,
    Status.INVALID_ADDRESS: Reason.INVALID_ADDRESS,
}

_OWN = {
    Status.SUPPRESSED: "The address is on the suppression list.",
    Status.COMPLAINED: "The person complained about a mailing.",
    Status.UNSUBSCRIBED: "The person unsubscribed here; no sync lifts that.",
    Status.BOUNCED: "Mail to the address came back for good.",
}

_FLAGS = {
    "allow_solicitation": "Allow Solicitation is off",
    "allow_email": "Allow Email is off",
    "do_not_solicit": "the primary address is marked Do Not Solicit by Email",
}


@dataclass(frozen=True, slots=True)
class Subscriber:
    """The subscriber as stored. `status` is the word of `sync/permission.py`."""

    status: str
    email: str | None
    address_valid: bool
    allow_email: bool
    denied_by: str | None
    changed_by_run: int


@dataclass(frozen=True, slots=True)
class Facts:
    """All that bears on one person and one target group.

    `source` None: the CRM could not be asked, `source_error` says why. `member_since_run` None: no member.
    `stands_for_address`: the member who is mailed in place of this one, who has the same address.
    """

    code: str
    source: PersonAtSource | None
    source_error: str
    synced_at: datetime | None
    list_as_of: datetime | None
    subscriber: Subscriber | None
    member_since_run: int | None
    set_aside: str | None
    held: bool
    stands_for_address: str | None


@dataclass(frozen=True, slots=True)
class Step:
    """One question on the way. `answer` None: not known. `reason`: what this step keeps the person from mail by."""

    question: str
    answer: bool | None
    detail: str
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """`is_in`: a member of the target group. `receives`: a mailing to the group would reach the person."""

    is_in: bool
    receives: bool
    reason: Reason | None
    steps: tuple[Step, ...]


def explain(facts: Facts) -> Explanation:
    """The steps for one person and one target group."""
    steps = (*_at_the_crm(facts), *_here(facts), *_by_mail(facts))
    reasons = [step.reason for step in steps if step.reason is not None]
    blocking = [reason for reason in reasons if reason is not Reason.HELD]  # who is held is a member, and is mailed
    is_in = facts.member_since_run is not None
    return Explanation(is_in, is_in and not blocking, next(iter([*blocking, *reasons]), None), steps)


def _at_the_crm(facts: Facts) -> Iterator[Step]:
    source = facts.source
    if source is None:
        yield Step(f"Is the person in list {facts.code} at the CRM?", None, facts.source_error)
        return
    if not source.is_known:
        yield Step("Does the CRM know the person?", False, "It has no constituent with this customer id.")
    else:
        yield Step("Does the CRM know the person?", True, f"The record's status is {source.record_status}.")
    as_of = f"As of {_time(source.as_of)}, when the list was last regenerated."
    yield Step(f"Is the person in list {facts.code} at the CRM?", source.in_list, as_of)


def _here(facts: Facts) -> Iterator[Step]:
    """Is the person a member here; where not, or not any more, what kept them."""
    question = "Is the person in the target group?"
    listed = facts.source.in_list if facts.source else None
    if facts.member_since_run is not None:
        yield Step(question, True, f"Since sync run {facts.member_since_run}. Last sync: {_time(facts.synced_at)}.")
        if facts.held:
            detail = "The list has not got this person any more; the guard holds the removal until it is approved."
            yield Step("Is a removal held?", True, detail, Reason.HELD)
        elif listed is False:
            yield Step("Is a removal to come?", True, "The person left the list since the last sync.")
        return
    if facts.set_aside is not None:
        sentence = SetAside(facts.set_aside).sentence if facts.set_aside in set(SetAside) else facts.set_aside
        yield Step(question, False, f"The row was set aside: {sentence}", Reason.SET_ASIDE)
    elif facts.synced_at is None:
        yield Step(question, False, "The target group was never synced.", Reason.NOT_SYNCED)
    elif listed:
        detail = (
            f"The last sync, {_time(facts.synced_at)}, found the list as of {_time(facts.list_as_of)}: sync again."
        )
        yield Step(question, False, detail, Reason.NOT_SYNCED)
    else:
        detail = f"The list as of {_time(facts.list_as_of)} has not got this person."
        yield Step(question, False, detail, Reason.NOT_IN_LIST)


def _by_mail(facts: Facts) -> Iterator[Step]:
    """Would mail reach a member: the order is that of the status, so that the reason is the status's."""
    person = facts.subscriber
    if person is None or facts.member_since_run is None:
        return
    status = Status(person.status)
    own = _OWN.get(status)
    if own:
        yield Step("Has the person not opted out here?", False, own, OF_STATUS[status])
    else:
        yield Step("Has the person not opted out here?", True, "No unsubscribe, bounce, complaint or suppression.")
    yield _allowed(person)
    if not person.email:
        yield Step("Is there an address?", False, "The CRM has no primary address.", Reason.NO_PRIMARY_ADDRESS)
        return
    yield Step("Is there an address?", True, f"{person.email}.")
    if not person.address_valid:
        yield Step("Is the address valid?", False, "It is not well-formed.", Reason.INVALID_ADDRESS)
        return
    yield Step("Is the address valid?", True, "It is well-formed.")
    if facts.stands_for_address is not None:
        detail = f"Member {facts.stands_for_address} has the same address and is mailed in this one's place."
        yield Step("Is the address this person's alone?", False, detail, Reason.DUPLICATE_ADDRESS)
        return
    yield Step("Is the address this person's alone?", True, "No other member is mailed in this one's place.")


def _allowed(person: Subscriber) -> Step:
    question = "Does the CRM allow e-mail?"
    if person.allow_email:
        return Step(question, True, f"As sync run {person.changed_by_run} brought it.")
    flags = ", ".join(_FLAGS.get(flag, flag) for flag in (person.denied_by or "").split(",") if flag)
    detail = f"{flags[:1].upper()}{flags[1:]}." if flags else "The CRM does not say by which flag."
    return Step(question, False, detail, Reason.EMAIL_NOT_ALLOWED)


def _time(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else "an unknown time"
