"""Large lists: complete, in order, by the right plan, in flat memory on both sides (B24)."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

from rollkeeper.connectors.rollkeeper_crm import Connector
from rollkeeper.crm.data_service.members import open_members
from rollkeeper.crm.data_service.members_query import column_names, members_query
from rollkeeper.crm.lists.models import MarketingList

from .association import build_list, many_constituents, set_view
from .conftest import HttpClient

EVERYONE = 200_000
WIDE_VIEW = [(f"field_{number}", f"Field {number}", "text", "constituent.organization") for number in range(20)]
FLAT_KIB = 24 * 1024  # 100,000 rows more are over 34 MiB; both lists are long enough to have two batches at hand


@pytest.fixture
def large(service: HttpClient) -> HttpClient:
    """200,000 constituents in the list ALL, half of them in HALF, 20 in FEW."""
    set_view(*WIDE_VIEW)
    many_constituents(EVERYONE)
    for code, step in (("HALF", 2), ("FEW", 10_000)):
        made = build_list(code, [])
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO list_member (list_id, constituent_id, came) "
                "SELECT %s, id, 1 FROM (SELECT id, row_number() OVER (ORDER BY id) FROM constituent) numbered "
                "WHERE row_number %% %s = 0",
                [made.pk, step],
            )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE list_member")
    return service


def process(*arguments: str) -> tuple[int, int]:
    """Rows and peak memory (KiB) of a process that serves or pulls."""
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "rollkeeper.crm.settings",
        "ROLLKEEPER_CRM_DATABASE": connection.settings_dict["NAME"],
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.crm.data_service.pull_process", *arguments],
        env=environment,
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows, peak = done.stdout.split()
    return int(rows), int(peak)


def plan_of(code: str) -> str:
    """PostgreSQL's plan of the query for a list's members."""
    with open_members(code) as members:
        count = members.count
    query = members_query(MarketingList.objects.get(code=code).pk, column_names(range(1, 21)), count, EVERYONE)
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + query.as_string(None))
        return "\n".join(row[0] for row in cursor.fetchall())


@pytest.mark.slow
def test_two_hundred_thousand_members_in_flat_memory_by_the_right_plan(large: HttpClient) -> None:
    # B24; one test, because making the association takes long
    with Connector(large.url, "", large.token).members("ALL") as pull:
        sizes = [batch.num_rows for batch in pull.batches()]
        assert pull.closing().rows == sum(sizes) == EVERYONE
    assert max(sizes) <= 50_000

    everyone, few = plan_of("ALL"), plan_of("FEW")
    assert "profile_customer_id" in everyone
    assert "hashed SubPlan" in everyone
    assert "Sort" not in everyone
    assert "profile_pkey" in few
    assert "Seq Scan on profile" not in few

    for side in (("serve",), ("pull",)):
        extra = (large.url, large.token) if side == ("pull",) else ()
        half_rows, half_peak = process(*side, "HALF", *extra)
        all_rows, all_peak = process(*side, "ALL", *extra)
        assert (half_rows, all_rows) == (EVERYONE // 2, EVERYONE)
        assert all_peak - half_peak < FLAT_KIB, (side, half_peak, all_peak)
