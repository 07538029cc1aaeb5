"""What bears on the question why a person is in a target group or not (B5): the CRM's answer and the rows here."""

from __future__ import annotations

from django.db import connection

from rollkeeper.marketing.bridges.connection import open_connector
from rollkeeper.marketing.bridges.secret import SecretUnreadable
from rollkeeper.marketing.subscribers.models import Subscriber
from rollkeeper.marketing.sync_runs.models import HeldRemoval, SetAsideRow
from rollkeeper.marketing.target_groups import why
from rollkeeper.marketing.target_groups.models import GroupMember, TargetGroup
from rollkeeper.sync.connector import AnswersForOnePerson, ConnectorError, PersonAtSource

# Who is mailed for an address that members share: the rule and the order of `funnel.py`.
_STANDS_FOR_ADDRESS = """
SELECT o.id, o.master_customer_id, o.sub_customer_id
FROM subscriber s
JOIN subscriber o ON o.bridge_id = s.bridge_id AND o.address_key = s.address_key
JOIN group_member m ON m.subscriber_id = o.id AND m.group_id = %s
WHERE s.id = %s
ORDER BY o.status <> 'Subscribed', NOT o.allow_email, o.master_customer_id, o.sub_customer_id
LIMIT 1
"""


def find(group: TargetGroup, master_customer_id: str, sub_customer_id: str) -> why.Facts:
    """The facts of one person and one target group, as they are now."""
    ids = {"master_customer_id": master_customer_id, "sub_customer_id": sub_customer_id}
    source, source_error = _ask(group, master_customer_id, sub_customer_id)
    stored = Subscriber.objects.filter(bridge=group.bridge, **ids).first()
    member = GroupMember.objects.filter(group=group, **ids).first()
    set_aside = SetAsideRow.objects.filter(group=group, **ids).order_by("-run_id").first()
    return why.Facts(
        code=group.code,
        source=source,
        source_error=source_error,
        synced_at=group.synced_at,
        list_as_of=group.synced_list_as_of,
        subscriber=_as_fact(stored) if stored else None,
        member_since_run=member.since_run if member else None,
        set_aside=set_aside.reason if set_aside else None,
        held=HeldRemoval.objects.filter(group=group, **ids).exists(),
        stands_for_address=_stands_for(group, stored) if stored and member else None,
    )


def _ask(group: TargetGroup, master: str, sub: str) -> tuple[PersonAtSource | None, str]:
    """The CRM's own word, or why there is none."""
    try:
        connector = open_connector(group.bridge)
        if not isinstance(connector, AnswersForOnePerson):
            return None, "This kind of CRM cannot be asked about one person."
        return connector.person(group.code, master, sub), ""
    except (ConnectorError, SecretUnreadable) as error:
        return None, str(error)


def _as_fact(stored: Subscriber) -> why.Subscriber:
    return why.Subscriber(
        status=stored.status,
        email=stored.email,
        address_valid=stored.address_valid,
        allow_email=stored.allow_email,
        denied_by=stored.denied_by,
        changed_by_run=stored.last_run,
    )


def _stands_for(group: TargetGroup, stored: Subscriber) -> str | None:
    """The customer id of another member who is mailed in this one's place; None where there is none."""
    with connection.cursor() as cursor:
        cursor.execute(_STANDS_FOR_ADDRESS, [group.pk, stored.pk])
        row = cursor.fetchone()
    if row is None or row[0] == stored.pk:
        return None
    return f"{row[1]}-{row[2]}"
