"""What changed is found by its index, whatever PostgreSQL's figures of the tables are (B2)."""

from __future__ import annotations

import pytest
from django.db import connection
from psycopg import sql

from rollkeeper.crm.changes.delta import WALK_SHARE, changes_since
from rollkeeper.crm.changes.token import read_token
from rollkeeper.crm.constituents.models import Constituent
from rollkeeper.crm.data_service.members import whole_list
from rollkeeper.crm.data_service.members_query import column_names
from rollkeeper.crm.personalization.profile import refresh_profiles

from .association import build_list, many_constituents
from .pulls import pull

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]

NUMBER = 10_000
TABLES = ("profile", "list_member", "list_departure")


def plan(code: str, token: str) -> str:
    """The plan of the query for the changes."""
    seen = read_token(token)
    assert seen is not None
    with whole_list(code) as (found, now):
        delta = changes_since(found, now, seen, [("000000000001", "0")], column_names(now.slots))
        rows = found.rows(sql.SQL("EXPLAIN (COSTS OFF) ") + delta.query)
    return "\n".join(row["QUERY PLAN"] for row in rows)


@pytest.mark.parametrize("figures", ["true", "none", "of empty tables"])
def test_changes_are_looked_up(figures: str) -> None:
    with connection.cursor() as cursor:
        if figures == "of empty tables":
            cursor.execute("ANALYZE profile, list_member, list_departure")
        many_constituents(NUMBER)
        build_list("SHORT", list(Constituent.objects.order_by("pk")[:40]))
        refresh_profiles()
        if figures == "true":
            cursor.execute("ANALYZE profile, list_member, list_departure")
        if figures == "none":
            cursor.execute("DELETE FROM pg_statistic WHERE starelid = ANY(%s::regclass[])", [list(TABLES)])
    tokens = {code: pull(code).closing.token or "" for code in ("ALL", "SHORT")}

    Constituent.objects.filter(pk__in=Constituent.objects.order_by("pk").values("pk")[:5]).update(first_name="Ana")
    for code, token in tokens.items():
        found = plan(code, token)
        assert "Index Scan using profile_changed" in found, found
        assert "list_member_later" in found
        assert "list_member_gone" in found
        assert "Seq Scan" not in found, found
        assert "Hash Join" not in found, found
        assert len(pull(code, token).members) == 5

    Constituent.objects.filter(
        pk__in=Constituent.objects.order_by("pk").values("pk")[: 40 // WALK_SHARE + 20]
    ).update(first_name="Ben")
    found = plan("SHORT", tokens["SHORT"])
    if figures == "true":
        assert "profile_changed" not in found, "the forty members are looked at, not what changed elsewhere"
    assert len(pull("SHORT", tokens["SHORT"]).members) == 30
