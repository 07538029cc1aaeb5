"""No page costs more where there are more people: it reads as many rows of a long list as of a short one."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from rollkeeper.marketing.home.freshness import FEW
from rollkeeper.marketing.subscribers.models import Subscriber
from rollkeeper.web.paging import PAGE_SIZE, write_key
from tests.marketing.pages.population import Population, populate

pytestmark = pytest.mark.slow
PEOPLE = int(os.environ.get("ROLLKEEPER_TEST_PEOPLE", "120000"))
MIDDLE = f"{PEOPLE // 2:012d}"
LONG_TABLES = {"subscriber", "group_member", "run_change", "held_removal", "sync_preview_row"}
MANY_HELD = """
INSERT INTO held_removal (group_id, run_id, subscriber_id, master_customer_id, sub_customer_id)
SELECT group_id, %(run)s, subscriber_id, master_customer_id, sub_customer_id FROM group_member
WHERE group_id = %(group)s ON CONFLICT DO NOTHING
"""
MANY_PREVIEWED = """
INSERT INTO sync_preview_row (preview_id, kind, flag, subscriber_id, master_customer_id, sub_customer_id)
SELECT %(preview)s, CASE WHEN id %% 1000 = 0 THEN 'removed' ELSE 'updated' END,
    CASE WHEN id %% 500 = 1 THEN 'unsubscribed' END, id, master_customer_id, sub_customer_id FROM subscriber
"""


@pytest.fixture
def crowd(db: None) -> Population:
    made = populate(people=PEOPLE, groups=500)
    with connection.cursor() as cursor:
        cursor.execute(MANY_HELD, {"run": made.held_run.pk, "group": made.held.pk})
        cursor.execute(MANY_PREVIEWED, {"preview": made.preview.pk})
        cursor.execute("ANALYZE held_removal; ANALYZE sync_preview_row")
    return made


def rows_read(node: dict[str, Any]) -> float:
    """Rows that a plan took from the long tables, those that it threw away too."""
    own = 0.0
    if node.get("Relation Name") in LONG_TABLES:
        own = (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
    return own + sum(rows_read(child) for child in node.get("Plans", []))


def rows_read_by(client: Client, address: str) -> float:
    """The rows of the long tables that all queries of a page read."""
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code == 200
    total = 0.0
    for query in captured.captured_queries:
        if any(f'"{table}"' in query["sql"] or f" {table} " in query["sql"] for table in LONG_TABLES):
            with connection.cursor() as cursor:
                cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {query['sql']}")
                found = cursor.fetchone()[0]
            plan = found if isinstance(found, list) else json.loads(found)
            total += rows_read(plan[0]["Plan"])
    return total


def test_a_page_reads_a_page_s_rows_whatever_the_list_s_length(crowd: Population, reader: Client) -> None:
    middle = write_key((MIDDLE, "0"))
    person = Subscriber.objects.get(master_customer_id=MIDDLE)
    for address in (
        "/subscribers/",
        f"/subscribers/?after={middle}",
        f"/subscribers/?before={middle}",
        "/subscribers/?q=person9",
        "/subscribers/?q=person99&by=email",
        "/subscribers/?q=nobody@example.org",
        "/subscribers/?q=m",
        "/subscribers/?q=mü",
        "/subscribers/?q=nobody",
        f"/subscribers/?q={MIDDLE[:9]}",
        f"/subscribers/{person.pk}/",
        "/subscribers/target-groups/",
        f"/subscribers/target-groups/{crowd.gold.pk}/",
        f"/sync-runs/{crowd.changing_run.pk}/",
        f"/sync-runs/{crowd.changing_run.pk}/?change=removed",
        "/sync-runs/",
        f"/subscribers/target-groups/{crowd.held.pk}/held/",
        f"/subscribers/target-groups/{crowd.held.pk}/held/?after={middle}",
        f"/sync-runs/previews/{crowd.preview.pk}/?people=updated",
        f"/sync-runs/previews/{crowd.preview.pk}/?people=removed",
        f"/sync-runs/previews/{crowd.preview.pk}/?people=unsubscribed",
        f"/sync-runs/previews/{crowd.preview.pk}/?people=updated&after={write_key((PEOPLE // 2,))}",
    ):
        assert rows_read_by(reader, address) <= 4 * (PAGE_SIZE + 1), address
    assert rows_read_by(reader, "/") <= FEW + 1
