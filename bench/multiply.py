"""Ten million members from two hundred thousand, by SQL: what a list is read from, and nothing beside it.

Each profile gets copies whose customer ids follow its own, so that the real ones, which alone have a constituent to
be changed, lie evenly among them. Hashes are computed as the CRM does it, the facts of the list by its own code.
Copies have no constituent, membership or gift: lists cannot be regenerated afterwards.
"""

from __future__ import annotations

from django.db import connection
from psycopg import sql

from rollkeeper.crm.changes.state import rebuild_state
from rollkeeper.crm.lists.models import ListVersion, MarketingList
from rollkeeper.crm.personalization.fields import view_fields
from rollkeeper.crm.personalization.profile_rows import FIXED, _canonical_form

REAL = 200_000  # constituents of a list that is multiplied

WITHOUT_INDEXES = (
    "ALTER TABLE profile DROP CONSTRAINT profile_pkey",
    "DROP INDEX profile_customer_id, profile_changed",
)
INDEXES = (
    "ALTER TABLE profile ADD PRIMARY KEY (constituent_id)",
    "CREATE UNIQUE INDEX profile_customer_id ON profile (master_customer_id, sub_customer_id)",
    "CREATE INDEX profile_changed ON profile (changed_xid)",
)
PLACE = """
CREATE TEMP TABLE place AS
SELECT constituent_id, row_number() OVER (ORDER BY master_customer_id, sub_customer_id) AS place FROM profile
"""
COPIES = """
INSERT INTO profile ({columns}, hash_hi, hash_lo, changed_xid)
SELECT {columns}, ('x' || substr(digest, 1, 16))::bit(64)::bigint, ('x' || substr(digest, 17, 16))::bit(64)::bigint,
       pg_current_xact_id()
FROM (
    SELECT {columns}, encode(sha256(convert_to({canonical}, 'UTF8')), 'hex') AS digest
    FROM (
        SELECT {last} + (p.place - 1) * {copies} + n AS constituent_id,
               p.master_customer_id || '-' || to_char(n, 'FM000') AS master_customer_id, p.sub_customer_id,
               n || '.' || p.email AS email, p.first_name, p.last_name, p.allow_email, p.denied_by{slots}
        FROM (SELECT * FROM place JOIN profile USING (constituent_id) ORDER BY place OFFSET 0) AS p
        CROSS JOIN LATERAL generate_series(1, {copies}) AS n
        OFFSET 0
    ) AS w OFFSET 0
) AS x
"""
MEMBERS = """
INSERT INTO list_member (list_id, constituent_id, came)
SELECT list_id, {last} + (place - 1) * {copies} + n, came
FROM (
    SELECT m.list_id, place.place, m.came FROM place JOIN list_member m USING (constituent_id)
    WHERE m.list_id = {list_id} AND m.went IS NULL ORDER BY place.place OFFSET 0
) AS p
CROSS JOIN LATERAL generate_series(1, {copies}) AS n
"""


def multiply(code: str, total: int) -> None:
    """Have so many profiles instead of those that there are, and the copies of a list's members in the list too."""
    found = MarketingList.objects.get(code=code)
    fields = view_fields()
    slots = [f"f{field.slot}" for field in fields]
    with connection.cursor() as cursor:
        for statement in (PLACE, "ANALYZE place", *WITHOUT_INDEXES):
            cursor.execute(statement)
        cursor.execute("SELECT count(*), max(constituent_id) FROM place")
        real, last = cursor.fetchone()
        numbers = {
            "last": sql.Literal(last),
            "copies": sql.Literal(total // real - 1),
            "list_id": sql.Literal(found.pk),
        }
        columns = sql.SQL(", ").join(map(sql.Identifier, ("constituent_id", *FIXED, *slots)))
        more = sql.SQL("").join(sql.SQL(", p.{}").format(sql.Identifier(slot)) for slot in slots)
        canonical = _canonical_form(fields)
        cursor.execute(sql.SQL(COPIES).format(columns=columns, canonical=canonical, slots=more, **numbers))
        for statement in INDEXES:
            cursor.execute(statement)
        cursor.execute(sql.SQL(MEMBERS).format(**numbers))
        cursor.execute("SELECT count(*) FROM list_member WHERE list_id = %s AND went IS NULL", [found.pk])
        members = cursor.fetchone()[0]
    MarketingList.objects.filter(pk=found.pk).update(member_count=members)
    ListVersion.objects.filter(list=found).update(member_count=members)
    rebuild_state(found.pk)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) profile")
        cursor.execute("VACUUM (ANALYZE) list_member")
