"""One snapshot: what is read through it belongs to one instant, whatever is committed beside (S15, B8)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from psycopg import sql

from rollkeeper.crm.changes.state import rebuild_state
from rollkeeper.crm.constituents.models import Constituent
from rollkeeper.crm.data_service.members import ListNotBuilt, NoSuchList, open_members
from rollkeeper.crm.lists.models import ListMember, MarketingList
from rollkeeper.postgres.arrow import QueryFailed, snapshot

from .association import BUILT_AT, FIELDS, add_constituent, build_list, set_view, unbuilt_list

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_pull_that_is_open_does_not_see_what_is_committed_beside() -> None:
    # S15, B8: members, permission, fields, version and as-of time are of one instant
    set_view(*FIELDS)
    people = [add_constituent("1", city="Austin"), add_constituent("2")]
    made = build_list("TX", people)
    with open_members("TX") as members:
        newcomer = add_constituent("3")
        ListMember.objects.create(list=made, constituent=newcomer, came=2)
        ListMember.objects.filter(constituent=people[1]).update(went=2)
        later = BUILT_AT + timedelta(days=1)
        MarketingList.objects.filter(pk=made.pk).update(version=2, last_regenerated_at=later)
        rebuild_state(made.pk)
        Constituent.objects.filter(pk=people[0].pk).update(city="Waco", allow_email=False)
        set_view()
        rows = [row for batch in members.batches() for row in batch.to_pylist()]
    assert [(row["master_customer_id"], row["allow_email"], row["city"]) for row in rows] == [
        ("1", True, "Austin"), ("2", True, None),
    ]  # fmt: skip
    assert (members.opening.version, members.opening.as_of, members.count) == ("1", BUILT_AT, 2)

    with open_members("TX") as members:
        rows = [row for batch in members.batches() for row in batch.to_pylist()]
    assert [(row["master_customer_id"], row["allow_email"]) for row in rows] == [("1", False), ("3", True)]
    assert members.opening.fields == ()
    assert (members.opening.version, members.opening.as_of, members.count) == ("2", later, 2)


def test_a_list_that_is_gone_and_one_not_built_are_told_apart() -> None:
    # S11, S29
    unbuilt_list("NEW")
    with pytest.raises(NoSuchList), open_members("GONE"):
        pass
    with pytest.raises(ListNotBuilt), open_members("NEW"):
        pass


def test_nothing_can_be_written_through_a_snapshot() -> None:
    with snapshot() as found, pytest.raises(QueryFailed, match="read-only transaction"):
        found.rows(sql.SQL("DELETE FROM constituent RETURNING id"))


def test_a_query_that_fails_on_its_way_raises_and_does_not_end() -> None:
    query = sql.SQL("SELECT 1 / (200000 - number) AS quotient FROM generate_series(1, 300000) number")
    with snapshot() as found, pytest.raises(QueryFailed, match="division by zero"):
        list(found.batches(query))


def test_batches_are_of_fifty_thousand_rows_at_most() -> None:
    query = sql.SQL("SELECT number FROM generate_series(1, 120000) number")
    with snapshot() as found:
        sizes = [batch.num_rows for batch in found.batches(query)]
    assert sum(sizes) == 120_000
    assert max(sizes) <= 50_000
