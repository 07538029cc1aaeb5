"""What decides a subscriber's status, in one sentence for a person (S7, S30)."""

from __future__ import annotations

from datetime import datetime

from django.utils import timezone

from rollkeeper.marketing.subscribers.models import Subscriber
from rollkeeper.sync.permission import Status

FLAGS = {
    "allow_solicitation": "Allow Solicitation is No",
    "allow_email": "Allow Email is No",
    "do_not_solicit": "Do Not Solicit by Email is set on the primary address",
}


def denying_flags(denied_by: str | None) -> list[str]:
    """Each of the CRM's flags that deny e-mail, in words, in the CRM's order."""
    return [FLAGS.get(flag, flag) for flag in (denied_by or "").split(",") if flag]


def decided_by(person: Subscriber) -> str:
    """Why the status is what it is, and who can change it. The order of reasons is `sync/permission.py`'s."""
    match Status(person.status):
        case Status.SUPPRESSED:
            return f"On the suppression list{_since(person.suppressed_at)}. No sync takes anyone off it."
        case Status.COMPLAINED:
            return f"Complained about a mailing{_since(person.complained_at)}. No sync lifts a complaint."
        case Status.UNSUBSCRIBED:
            return f"Unsubscribed by themselves{_since(person.unsubscribed_at)}. No sync lifts that."
        case Status.BOUNCED:
            return f"Mail to the address bounced{_since(person.bounced_at)}. No sync lifts a bounce."
        case Status.UNSUBSCRIBED_REMOTE:
            return (
                f"The CRM does not allow e-mail: {_flags(person)}. "
                "When the CRM allows it again, the next sync makes this person Subscribed."
            )
        case Status.NO_ADDRESS:
            return "The CRM has no primary e-mail address for this person. Enter one there, then sync."
        case Status.INVALID_ADDRESS:
            return f"The address {person.email} is not well-formed. Correct it in the CRM, then sync."
        case Status.SUBSCRIBED:
            return "The CRM allows e-mail, the address is well-formed, and the person has not opted out here."


def _since(when: datetime | None) -> str:
    return f" on {timezone.localtime(when):%-d %b %Y}" if when else ""


def _flags(person: Subscriber) -> str:
    return " and ".join(denying_flags(person.denied_by)) or "it does not say by which flag"
