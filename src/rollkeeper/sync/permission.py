"""Who gets mail: flags and opt-outs in, one status out (S4, S7, S30).

The same rule stands a second time in the database, as the generated column `subscriber.status`, so that no
statement can write a status that the rule does not give. `tests/marketing/test_status.py` holds the two
together over every combination.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """A subscriber's status, word for word as pages and exports show it."""

    SUBSCRIBED = "Subscribed"
    UNSUBSCRIBED_REMOTE = "Unsubscribed from remote system"
    UNSUBSCRIBED = "Unsubscribed"
    BOUNCED = "Bounced"
    COMPLAINED = "Complained"
    INVALID_ADDRESS = "Invalid address"
    NO_ADDRESS = "No address"
    SUPPRESSED = "Suppressed"


@dataclass(frozen=True, slots=True)
class OwnOptOuts:
    """What the person did or the mail system learned here. No sync ever writes these (S30)."""

    unsubscribed: bool = False
    bounced: bool = False
    complained: bool = False
    suppressed: bool = False


def effective_permission(allow_solicitation: bool, allow_email: bool, do_not_solicit: bool) -> bool:
    """May this person be mailed, by the CRM's flags? `do_not_solicit` is the primary address's (S4, S6)."""
    return allow_solicitation and allow_email and not do_not_solicit


def status(allow_email: bool, email: str | None, address_valid: bool, own: OwnOptOuts) -> Status:
    """The status of a subscriber.

    What only the person may lift comes first, then the CRM's permission (S7), then the address: an opt-out
    always wins, so it shows even where there is no address to mail.
    """
    if own.suppressed:
        return Status.SUPPRESSED
    if own.complained:
        return Status.COMPLAINED
    if own.unsubscribed:
        return Status.UNSUBSCRIBED
    if own.bounced:
        return Status.BOUNCED
    if not allow_email:
        return Status.UNSUBSCRIBED_REMOTE
    if not email:
        return Status.NO_ADDRESS
    if not address_valid:
        return Status.INVALID_ADDRESS
    return Status.SUBSCRIBED
