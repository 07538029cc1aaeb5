"""Copying a list, and deleting one for good (S29)."""

from __future__ import annotations

from django.db import connection, transaction

from rollkeeper.crm.audit.models import Action
from rollkeeper.crm.audit.record import differences, record
from rollkeeper.crm.lists.definition import SUBJECT, check_code, checked_name, list_facts
from rollkeeper.crm.lists.errors import ListRefused
from rollkeeper.crm.lists.models import MarketingList


def copy_list(original: MarketingList, code: str, name: str, *, author: str, origin: str) -> MarketingList:
    """A new list with the same definition and the same decisions by hand, not built yet.

    Its regeneration frequency is NONE, so that MKT600 does not complain of it before MKT510 has built it (S11).
    Raises `ListRefused`; nothing is written then.
    """
    check_code(code)
    name = checked_name(name)
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"list code {code}"])
        if MarketingList.objects.filter(code=code).exists():
            raise ListRefused(f"There is a list {code} already. Choose another code.")
        made = MarketingList.objects.create(
            code=code,
            name=name,
            description=original.description,
            kind=original.kind,
            rule=original.rule,
            sql=original.sql,
            may_be_empty=original.may_be_empty,
        )
        with connection.cursor() as cursor:
            for statement in (COPY_IDS, COPY_PARTS, COPY_MANUAL):
                cursor.execute(statement, [made.pk, original.pk])
        facts = {**list_facts(made), "copy_of": original.code}
        record(SUBJECT, code, author, origin, differences({}, facts), action=Action.CREATED)
    made.refresh_from_db()
    return made


def delete_list(marketing_list: MarketingList, *, confirmed_code: str, author: str, origin: str) -> None:
    """Delete a list with its members, versions and results, where its code was typed to confirm it.

    The marketing site then finds it missing at the source: sends to its target group are blocked, history stays
    there (S29). Raises `ListRefused`: the code is not its, or other lists are made of it.
    """
    if confirmed_code.strip() != marketing_list.code:
        raise ListRefused(f"Type the code {marketing_list.code} to delete the list.")
    with transaction.atomic():
        with connection.cursor() as cursor:  # no merge may take it in meanwhile, no regeneration be at work
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('parts of lists', 0))")
            cursor.execute(
                "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"regenerate {marketing_list.pk}"]
            )
        users = marketing_list.part_of.order_by("list__code").values_list("list__code", flat=True)
        if users:
            raise ListRefused(f"{', '.join(users)} would miss it: they are made of this list. Change them first.")
        lost = differences(list_facts(marketing_list), dict.fromkeys(list_facts(marketing_list)))
        record(SUBJECT, marketing_list.code, author, origin, lost, action=Action.REMOVED)
        marketing_list.delete()


COPY_IDS = """
INSERT INTO list_imported_id (list_id, master_customer_id, sub_customer_id)
SELECT %s, master_customer_id, sub_customer_id FROM list_imported_id WHERE list_id = %s
"""
COPY_PARTS = (
    "INSERT INTO list_part (list_id, part_id, role) SELECT %s, part_id, role FROM list_part WHERE list_id = %s"
)
COPY_MANUAL = """
INSERT INTO list_manual_member (list_id, constituent_id, is_in, reason, author, decided_at)
SELECT %s, constituent_id, is_in, reason, author, decided_at FROM list_manual_member WHERE list_id = %s
"""
