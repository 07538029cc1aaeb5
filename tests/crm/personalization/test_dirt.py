"""No change is missed, whatever transactions are open while profiles are refreshed (B2)."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

import psycopg
import pytest
from django.db import connection, connections, transaction

from rollkeeper.crm.constituents.models import Constituent
from rollkeeper.crm.personalization.fields import add_field
from rollkeeper.crm.personalization.profile import mark_everyone_dirty, refresh_profiles
from rollkeeper.postgres.connection import connect
from tests.crm.personalization.profiles import changed_xids, stored_member, stored_members

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def two_people() -> None:
    for name in ("town", "areas"):
        add_field(f"test_{name}", {"town": "constituent.city", "areas": "interests.areas"}[name])
    Constituent.objects.create(master_customer_id="1", city="Bonn")
    Constituent.objects.create(master_customer_id="2", city="Bonn")
    refresh_profiles()


@contextmanager
def other_transaction() -> Iterator[psycopg.Connection[tuple[object, ...]]]:
    with connect() as other:
        yield other


def in_thread(work: Callable[[], object]) -> threading.Thread:
    def run() -> None:
        try:
            work()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def town(master: str) -> object:
    return stored_member(master)["test_town"]


def test_a_change_that_commits_after_a_refresh_is_found_by_the_next(two_people: None) -> None:
    with other_transaction() as other:
        other.execute("UPDATE constituent SET city = 'Rom' WHERE master_customer_id = '1'")
        Constituent.objects.filter(master_customer_id="2").update(city="Oslo")
        assert refresh_profiles() == 1  # neither waits for the open transaction nor sees it
        assert (town("1"), town("2")) == ("Bonn", "Oslo")
        other.commit()
    assert refresh_profiles() == 1
    assert town("1") == "Rom"


def test_a_constituent_changed_again_during_a_refresh_stays_dirty(two_people: None) -> None:
    Constituent.objects.filter(master_customer_id="1").update(city="Rom")
    with transaction.atomic():
        refresh_profiles()
        with other_transaction() as other:
            other.execute("UPDATE constituent SET city = 'Oslo' WHERE master_customer_id = '1'")
    assert town("1") == "Rom"
    assert refresh_profiles() == 1
    assert town("1") == "Oslo"


def test_a_refresh_that_is_rolled_back_loses_no_dirt(two_people: None) -> None:
    Constituent.objects.filter(master_customer_id="1").update(city="Rom")
    with transaction.atomic():
        assert refresh_profiles() == 1
        transaction.set_rollback(True)
    assert town("1") == "Bonn"
    assert refresh_profiles() == 1
    assert town("1") == "Rom"


def test_a_second_refresh_waits_for_the_first_and_finds_its_work_done(two_people: None) -> None:
    Constituent.objects.filter(master_customer_id="1").update(city="Rom")
    seen: list[object] = []
    with transaction.atomic():
        refresh_profiles()
        thread = in_thread(lambda: seen.append((refresh_profiles(), town("1"))))
        thread.join(0.5)
        assert thread.is_alive()
    thread.join(10)
    assert seen == [(0, "Rom")]


def test_the_change_xid_moves_only_where_what_is_exported_changed(two_people: None) -> None:
    before = changed_xids()
    Constituent.objects.filter(master_customer_id="1").update(city="Rom")
    Constituent.objects.filter(master_customer_id="2").update(nickname="Bo")
    refresh_profiles()
    after = changed_xids()
    assert int(after["1"]) > int(before["1"])
    assert after["2"] == before["2"]


def test_emptied_tables_empty_the_profiles(two_people: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE constituent CASCADE")
    assert refresh_profiles() == 2
    assert stored_members().num_rows == 0


INSERT = """
    INSERT INTO interest (constituent_id, area_code)
    SELECT id, %(area)s FROM constituent WHERE master_customer_id = %(master)s ON CONFLICT DO NOTHING
"""
UPDATE = "UPDATE constituent SET city = %(place)s WHERE master_customer_id = %(master)s"


def write_at_random(seed: int) -> None:
    """Transactions of a few writes each, in no order; a lost race for a lock is simply given up."""
    random = Random(seed)  # noqa: S311  # no secret
    with connect() as other:
        for _ in range(40):
            master = str(random.randrange(8))
            area, place = f"A{random.randrange(4)}", f"Town {random.randrange(9)}"
            statement = random.choice([INSERT, "DELETE FROM interest WHERE area_code = %(area)s", UPDATE])
            try:
                other.execute(statement, {"master": master, "area": area, "place": place})
                if random.random() < 0.6:
                    other.commit()
            except psycopg.errors.DeadlockDetected:
                other.rollback()
        other.commit()


def test_after_any_interleaving_a_refresh_leaves_nothing_to_rebuild(two_people: None) -> None:
    for master in ("0", *"34567"):
        Constituent.objects.create(master_customer_id=master)
    writers = [in_thread(lambda seed=seed: write_at_random(seed)) for seed in range(3)]
    while any(writer.is_alive() for writer in writers):
        refresh_profiles()
    for writer in writers:
        writer.join()
    refresh_profiles()
    before = stored_members()
    mark_everyone_dirty()
    assert refresh_profiles() == 0
    assert stored_members().equals(before)
