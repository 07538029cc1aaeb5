"""What a regeneration would do, with the people, and nothing written: the same code, stopped earlier (B4)."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import connection, transaction

from rollkeeper.crm.constituents.models import Constituent
from rollkeeper.crm.lists.models import MarketingList
from rollkeeper.crm.lists.parts import Parts
from rollkeeper.crm.lists.regenerate import choose, compare

SHOWN = 50  # people who would come, and as many who would go


@dataclass(frozen=True, slots=True)
class Preview:
    """How many members there would be, who would come and who would go (the first of each)."""

    members: int
    added: int
    removed: int
    added_people: tuple[Constituent, ...]
    removed_people: tuple[Constituent, ...]


def preview(marketing_list: MarketingList, parts: Parts | None = None) -> Preview:
    """The regeneration of the list as it stands, saved or not, up to where it would begin to write.

    `parts`: of a merge that is not saved. Everything is rolled back; other regenerations do not wait for it.
    Raises `ListRefused`.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            members = choose(cursor, marketing_list, parts)
            compare(cursor, marketing_list.pk)
            cursor.execute("SELECT count(constituent_id), count(leaver) FROM change")
            added, removed = cursor.fetchone()
            people = tuple(_people(column) for column in ("constituent_id", "leaver"))
        transaction.set_rollback(True)
    return Preview(members, added, removed, *people)


def _people(column: str) -> tuple[Constituent, ...]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM change WHERE {column} IS NOT NULL ORDER BY 1 LIMIT {SHOWN}")  # noqa: S608  # two columns, ours
        ids = [row[0] for row in cursor.fetchall()]
    people = Constituent.objects.defer("attributes").in_bulk(ids)
    return tuple(people[each] for each in ids if each in people)
