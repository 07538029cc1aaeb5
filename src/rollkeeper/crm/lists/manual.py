"""Putting someone into a list, or keeping someone out of it, by hand: it survives every regeneration (B16)."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from rollkeeper.crm.audit.record import Value, differences, record
from rollkeeper.crm.constituents.models import Constituent
from rollkeeper.crm.lists.definition import SUBJECT
from rollkeeper.crm.lists.errors import ListRefused
from rollkeeper.crm.lists.models import ManualMember, MarketingList
from rollkeeper.crm.lists.rules.selection import MERGED

LONGEST_REASON = 500
WORDS = {True: "always in", False: "never in"}


def decide(
    marketing_list: MarketingList,
    person: Constituent,
    *,
    is_in: bool,
    reason: str,
    author: str,
    origin: str,
    now: datetime,
) -> ManualMember:
    """Someone is always in the list, or never, from its next regeneration on. The latest decision counts.

    The members change with the next job (S15). Raises `ListRefused`; nothing is written then.
    """
    reason = reason.strip()
    if not reason or len(reason) > LONGEST_REASON or "\x00" in reason:
        raise ListRefused(
            f"Say why, in 1 to {LONGEST_REASON} characters: whoever looks at the list later will ask."
        )
    if is_in and person.status == MERGED:
        raise ListRefused(f"{person.customer_id} was merged into another record. Put that one into the list.")
    with transaction.atomic():
        MarketingList.objects.select_for_update(no_key=True).get(pk=marketing_list.pk)
        before = ManualMember.objects.filter(list=marketing_list, constituent=person).first()
        made, _ = ManualMember.objects.update_or_create(
            list=marketing_list,
            constituent=person,
            defaults={"is_in": is_in, "reason": reason, "author": author, "decided_at": now},
        )
        _note(marketing_list, person, before, made, author, origin, now)
    return made


def take_back(
    marketing_list: MarketingList, person: Constituent, *, author: str, origin: str, now: datetime
) -> None:
    """Let the definition decide about someone again. Raises `ListRefused` where nothing was decided by hand."""
    with transaction.atomic():
        MarketingList.objects.select_for_update(no_key=True).get(pk=marketing_list.pk)
        before = ManualMember.objects.filter(list=marketing_list, constituent=person).first()
        if before is None:
            raise ListRefused(f"Nothing was decided by hand about {person.customer_id} in {marketing_list.code}.")
        ManualMember.objects.filter(pk=before.pk).delete()
        _note(marketing_list, person, before, None, author, origin, now)


def _note(
    marketing_list: MarketingList,
    person: Constituent,
    before: ManualMember | None,
    after: ManualMember | None,
    author: str,
    origin: str,
    now: datetime,
) -> None:
    """Keep who decided, and that the list has changed since it was regenerated."""
    changes = differences(_facts(before), _facts(after))
    record(SUBJECT, marketing_list.code, author, origin, changes, part=f"member {person.customer_id}")
    MarketingList.objects.filter(pk=marketing_list.pk).update(modified_at=now)


def _facts(decision: ManualMember | None) -> dict[str, Value]:
    if decision is None:
        return {"by_hand": None, "reason": None}
    return {"by_hand": WORDS[decision.is_in], "reason": decision.reason}
