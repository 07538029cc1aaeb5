"""Who is in a list: its definition asked anew, and only what changed written (S10, S13, S15)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from rollkeeper.crm.changes.state import settle_regeneration
from rollkeeper.crm.lists.errors import ListRefused
from rollkeeper.crm.lists.models import DefinitionKind, ListVersion, MarketingList
from rollkeeper.crm.lists.parts import Parts, choose_merged, parts_of_list
from rollkeeper.crm.lists.rules.attributes import every_name_an_attribute
from rollkeeper.crm.lists.rules.selection import MERGED, select_by_rule
from rollkeeper.crm.lists.sql_wall import choose_by_sql

ANALYZE_FROM = 50_000  # so many changed members make the planner's figures for the table wrong


@dataclass(frozen=True, slots=True)
class Regeneration:
    """What a regeneration did. `version` 0: a first build without members, which does not count (S11)."""

    version: int
    members: int
    added: int
    removed: int

    @property
    def counts(self) -> bool:
        return self.version > 0


def regenerate(list_id: int) -> Regeneration:
    """Make the members of a list those whom its definition chooses now, as the list's next version.

    Set-based, in one transaction; readers see the version before or the one after, and with it the facts kept of
    the list (`crm/changes`). A second regeneration of the same list waits for the first (S13). A first build of no
    one leaves the list unbuilt, unless it may be empty (S11). Raises `ListRefused` where the definition cannot be
    used any more, or there is no such list.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"regenerate {list_id}"])
            # Shared with other regenerations; whoever deletes constituents waits for us, or we for them.
            cursor.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended('members of constituents', 0))")
        marketing_list = MarketingList.objects.filter(pk=list_id).first()
        if marketing_list is None:
            raise ListRefused("The list is not there any more.")
        with connection.cursor() as cursor:
            members = choose(cursor, marketing_list)
            if not members and not marketing_list.version and not marketing_list.may_be_empty:
                return Regeneration(version=0, members=0, added=0, removed=0)
            done = _apply(cursor, marketing_list, members)
            settle_regeneration(cursor, marketing_list.pk, first=not marketing_list.version)
        _record(marketing_list, done, timezone.now())
    if done.added + done.removed >= ANALYZE_FROM:
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE list_member")
    return done


def choose(cursor: CursorWrapper, marketing_list: MarketingList, parts: Parts | None = None) -> int:
    """Make the temporary table `chosen` of the ids of those who belong in; how many they are.

    The definition chooses, and then what people decided by hand (`manual.py`). In a transaction; of a list that is
    not saved, only what is set on it counts, and of a merge its `parts`. Raises `ListRefused`.
    """
    cursor.execute("DROP TABLE IF EXISTS chosen")
    if marketing_list.kind != DefinitionKind.RULE:
        cursor.execute("CREATE TEMP TABLE chosen (id bigint NOT NULL) ON COMMIT DROP")
    match marketing_list.kind:
        case DefinitionKind.RULE:
            selection = select_by_rule(marketing_list.rule, every_name_an_attribute(), timezone.localdate())
            # In one statement: PostgreSQL asks with several processes for a new table, never for an INSERT.
            cursor.execute(f"CREATE TEMP TABLE chosen ON COMMIT DROP AS {selection.sql}", selection.parameters)
        case DefinitionKind.SQL:
            choose_by_sql(cursor, marketing_list.sql)
        case DefinitionKind.IDS:
            cursor.execute(CHOOSE_IMPORTED, [marketing_list.pk])
        case DefinitionKind.MERGE:
            choose_merged(cursor, parts or parts_of_list(marketing_list.pk))
        case unknown:
            raise ListRefused(f"The list {marketing_list.code} has a definition of no known kind: {unknown!r}.")
    members = int(cursor.rowcount)
    cursor.execute("ANALYZE chosen")
    return members + _choose_by_hand(cursor, marketing_list)


def _choose_by_hand(cursor: CursorWrapper, marketing_list: MarketingList) -> int:
    """Take out of `chosen` who is kept out by hand, put in who is put in by hand; by how many it grew."""
    cursor.execute(TAKE_OUT_BY_HAND, [marketing_list.pk])
    taken_out = int(cursor.rowcount)
    cursor.execute(PUT_IN_BY_HAND, [marketing_list.pk, MERGED])
    return int(cursor.rowcount) - taken_out


def compare(cursor: CursorWrapper, list_id: int | None) -> None:
    """Fill the temporary table `change` with the difference between `chosen` and the present members.

    One pass over both. `gone` and `leaver`: a present member's row and constituent that are not chosen;
    `constituent_id`: someone chosen who is no member.
    """
    cursor.execute("DROP TABLE IF EXISTS change")
    # Figures of a table that grew since its last ANALYZE make the planner loop over a million members one by one.
    cursor.execute("SET LOCAL enable_nestloop = off")
    cursor.execute(COMPARE, [list_id])
    cursor.execute("SET LOCAL enable_nestloop = on")
    cursor.execute("ANALYZE change")


def _apply(cursor: CursorWrapper, marketing_list: MarketingList, members: int) -> Regeneration:
    """Write the difference between `chosen` and the present members."""
    version = marketing_list.version + 1
    compare(cursor, marketing_list.pk)
    cursor.execute("SELECT count(gone) FROM change")
    row = cursor.fetchone()
    removed = int(row[0]) if row else 0
    if removed:
        cursor.execute(REMOVE, [version])
    cursor.execute(ADD, [marketing_list.pk, version])
    added = cursor.rowcount
    return Regeneration(version=version, members=members, added=added, removed=removed)


def _record(marketing_list: MarketingList, done: Regeneration, now: datetime) -> None:
    """The list's new version; written even where no member changed, because "as of" moves."""
    MarketingList.objects.filter(pk=marketing_list.pk).update(
        version=done.version, member_count=done.members, last_regenerated_at=now
    )
    ListVersion.objects.create(
        list=marketing_list,
        number=done.version,
        regenerated_at=now,
        member_count=done.members,
        added=done.added,
        removed=done.removed,
    )


CHOOSE_IMPORTED = """
INSERT INTO chosen
SELECT c.id FROM list_imported_id i JOIN constituent c USING (master_customer_id, sub_customer_id)
WHERE i.list_id = %s
"""
TAKE_OUT_BY_HAND = """
DELETE FROM chosen USING list_manual_member m
WHERE m.list_id = %s AND NOT m.is_in AND m.constituent_id = chosen.id
"""
PUT_IN_BY_HAND = """
INSERT INTO chosen
SELECT c.id FROM list_manual_member m JOIN constituent c ON c.id = m.constituent_id
WHERE m.list_id = %s AND m.is_in AND c.status <> %s AND NOT EXISTS (SELECT FROM chosen WHERE chosen.id = c.id)
"""
COMPARE = """
CREATE TEMP TABLE change ON COMMIT DROP AS
SELECT present.id AS gone, present.constituent_id AS leaver, chosen.id AS constituent_id
FROM (SELECT id, constituent_id FROM list_member WHERE list_id = %s AND went IS NULL) AS present
FULL JOIN chosen ON chosen.id = present.constituent_id
WHERE present.id IS NULL OR chosen.id IS NULL
"""
REMOVE = """
UPDATE list_member m SET went = %s FROM change WHERE change.gone IS NOT NULL AND m.id = change.gone
"""
# In order, so that the indexes grow at one end instead of all over: half the time of a large build.
ADD = """
INSERT INTO list_member (list_id, constituent_id, came)
SELECT %s, constituent_id, %s FROM change WHERE constituent_id IS NOT NULL ORDER BY constituent_id
"""
