"""A list made of other lists: those that go in, and those that are kept out (B16).

It is made of their members as last regenerated, so they come before it in a run (`jobs/order.py`). No list goes
into itself, however far round.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db import connection
from django.db.backends.utils import CursorWrapper

from rollkeeper.crm.lists.errors import ListRefused
from rollkeeper.crm.lists.models import ListPart, MarketingList

Role = ListPart.Role
MOST_PARTS = 500


@dataclass(frozen=True, slots=True)
class Merge:
    """The codes of the lists whose members go in, and of those whose members are kept out."""

    combined: tuple[str, ...]
    excluded: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parts:
    """The same, checked: ids of lists."""

    combined: frozenset[int]
    excluded: frozenset[int] = frozenset()


def checked_parts(list_id: int | None, merge: Merge) -> Parts:
    """The parts that a merge names. Raises `ListRefused`: none, unknown, twice, or a list that goes into itself."""
    codes = {*merge.combined, *merge.excluded}
    if not merge.combined:
        raise ListRefused("A merge needs at least one list that goes in.")
    if len(codes) > MOST_PARTS:
        raise ListRefused(f"A merge has at most {MOST_PARTS} lists. Merge some of them first.")
    if both := sorted({*merge.combined} & {*merge.excluded}):
        raise ListRefused(f"{', '.join(both)} cannot both go in and be kept out.")
    found = dict(MarketingList.objects.filter(code__in=codes).values_list("code", "pk"))
    if unknown := sorted(codes - found.keys()):
        raise ListRefused(f"There is no list {', '.join(unknown)}. Codes are as List Maintenance shows them.")
    parts = Parts(
        frozenset(found[code] for code in merge.combined), frozenset(found[code] for code in merge.excluded)
    )
    _refuse_circle(list_id, {pk: code for code, pk in found.items()})
    return parts


def _refuse_circle(list_id: int | None, parts: Mapping[int, str]) -> None:
    """Raises `ListRefused` where one of the parts is the list, or is made of it."""
    if list_id is None:
        return
    with connection.cursor() as cursor:
        cursor.execute(REACHES, [list(parts), list_id])
        circle = [parts[row[0]] for row in cursor.fetchall()]
    if circle:
        raise ListRefused(f"The list would go into itself, by way of {', '.join(sorted(circle))}.")


def save_parts(marketing_list: MarketingList, merge: Merge) -> bool:
    """Make these the list's parts, in a transaction; whether they were others before. Raises `ListRefused`."""
    with connection.cursor() as cursor:  # two merges saved at once could otherwise close a circle together
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('parts of lists', 0))")
    parts = checked_parts(marketing_list.pk, merge)
    wanted = {(pk, Role.COMBINED.value) for pk in parts.combined} | {
        (pk, Role.EXCLUDED.value) for pk in parts.excluded
    }
    before = set(ListPart.objects.filter(list=marketing_list).values_list("part_id", "role"))
    if before == wanted:
        return False
    ListPart.objects.filter(list=marketing_list).delete()
    ListPart.objects.bulk_create(
        ListPart(list=marketing_list, part_id=pk, role=role) for pk, role in sorted(wanted)
    )
    return True


def parts_of_list(list_id: int) -> Parts:
    """The parts of a saved merge."""
    rows = ListPart.objects.filter(list_id=list_id).values_list("part_id", "role")
    return Parts(
        *(frozenset(pk for pk, role in rows if role == wanted) for wanted in (Role.COMBINED, Role.EXCLUDED))
    )


def parts_by_list(list_ids: Iterable[int]) -> dict[int, frozenset[int]]:
    """For the order of a run: the id of each of these lists that is a merge → the ids of all its parts."""
    found: dict[int, set[int]] = {}
    for list_id, part_id in ListPart.objects.filter(list_id__in=list(list_ids)).values_list("list_id", "part_id"):
        found.setdefault(list_id, set()).add(part_id)
    return {list_id: frozenset(parts) for list_id, parts in found.items()}


def choose_merged(cursor: CursorWrapper, parts: Parts) -> None:
    """Insert into the temporary table `chosen` the members of a merge; `cursor.rowcount` says how many.

    Raises `ListRefused` where a part was not built yet: what it would add or keep out is not known.
    """
    everything = parts.combined | parts.excluded
    unbuilt = (
        MarketingList.objects.filter(pk__in=everything, version=0).order_by("code").values_list("code", flat=True)
    )
    if unbuilt:
        raise ListRefused(
            f"MKT510 has not built {', '.join(unbuilt)} yet, of which this list is made. Build that first."
        )
    cursor.execute(CHOOSE_MERGED, [list(parts.combined), list(parts.excluded)])


REACHES = """
WITH RECURSIVE below (first, id) AS (
    SELECT given.id, given.id FROM unnest(%s::bigint[]) AS given (id)
    UNION SELECT b.first, p.part_id FROM below b JOIN list_part p ON p.list_id = b.id
)
SELECT DISTINCT first FROM below WHERE id = %s
"""
CHOOSE_MERGED = """
INSERT INTO chosen
SELECT DISTINCT m.constituent_id FROM list_member m
WHERE m.list_id = ANY(%s) AND m.went IS NULL AND NOT EXISTS (
    SELECT FROM list_member x
    WHERE x.list_id = ANY(%s) AND x.went IS NULL AND x.constituent_id = m.constituent_id)
"""
