"""Clocks that jump, on this machine, in the CRM: what is in charge, in order and due does not come from them (B9)."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.marketing.sync_runs import charge
from rollkeeper.marketing.sync_runs.charge import Busy, Heartbeat, taken_charge
from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.marketing.sync_runs.perform import _start
from rollkeeper.marketing.sync_runs.request import create_run
from rollkeeper.marketing.target_groups import as_of
from rollkeeper.marketing.target_groups.models import TargetGroup
from rollkeeper.postgres.connection import connect
from rollkeeper.sync.events import Event, Kind
from tests.fakes.memory_crm import MemoryCrm
from tests.marketing.proved import Synced, key, synced_groups
from tests.marketing.syncing import sync_group

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

DAYS = (3, -5, 0, 40, -40)
TRUE_NOW = timezone.now


@pytest.fixture
def synced() -> Synced:
    return synced_groups()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Set this process's clock wrong by so many days; the database's stays right."""

    def set_wrong(days: float) -> None:
        monkeypatch.setattr(timezone, "now", lambda: TRUE_NOW() + timedelta(days=days))

    return set_wrong


def run_of(bridge: Bridge) -> SyncRun:
    group = TargetGroup.objects.get(bridge=bridge, code="ALL")
    return create_run(bridge, Kind.AUDIENCE, Event.OVERNIGHT, group=group, requested_by="test",
                      status=SyncRun.Status.RUNNING)  # fmt: skip


@pytest.mark.parametrize("full", [False, True], ids=["changes", "whole"])
def test_syncs_end_as_ever_however_the_clock_jumps_between_them(
    synced: Synced, clock: Callable[[float], None], full: bool
) -> None:
    for wave, days in enumerate(DAYS):
        clock(days)
        synced.crm.change(key(wave), first_name=f"Wave {wave}", allow_email=wave % 2 == 0)
        run = synced.sync(full=full)
        assert (run.status, run.updated, run.identical, run.mode) == (
            "completed", 1, True, "full" if full else "delta",
        )  # fmt: skip


class Jumping(MemoryCrm):
    """The clock jumps while the list comes."""

    def at(self, jump: Callable[[], None]) -> None:
        self.jump = jump

    def _rows(self, code: str) -> list[dict[str, object]]:
        self.jump()
        return super()._rows(code)


def test_a_sync_in_whose_middle_the_clock_jumps_ends_as_ever(clock: Callable[[float], None]) -> None:
    made = synced_groups()
    crm = Jumping(**{name: getattr(made.crm, name) for name in ("people", "lists", "fields", "states")})
    for wave, days in enumerate(DAYS):
        crm.at(lambda days=days: clock(days))  # type: ignore[misc]  # a default is how a loop's value is kept
        crm.change(key(wave), first_name=f"Wave {wave}")
        run = sync_group(made.bridge, crm, "ALL", full=wave % 2 == 0)
        assert (run.status, run.updated, run.identical) == ("completed", 1, True)
        made.check()


def test_the_past_is_in_the_order_of_what_was_done_whatever_the_clock_said(
    synced: Synced, clock: Callable[[float], None]
) -> None:  # B6
    names = {}
    for wave, days in enumerate(DAYS):
        clock(days)
        synced.crm.change(key(7), first_name=f"Wave {wave}")
        names[synced.sync().pk] = f"Wave {wave}"
    group = TargetGroup.objects.get(code="ALL")
    for run, name in names.items():
        with connect() as own:
            own.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            query = as_of.prepare(own, as_of.PastRun.of(run, group))
            people = {row[0]: row[3] for row in own.execute(query).fetchall()}
        assert people["0007"] == name


def test_a_list_as_of_an_earlier_time_than_the_last_is_taken(synced: Synced) -> None:
    """The CRM's clock went back; which state is newer is not told by it."""
    from tests.fakes import memory_crm

    before = memory_crm.AS_OF
    try:
        for days in DAYS:
            memory_crm.AS_OF = before + timedelta(days=days)
            synced.crm.change(key(3), first_name=f"As of {days}")
            run = synced.sync()
            assert (run.status, run.updated, run.identical, run.list_as_of) == (
                "completed", 1, True, memory_crm.AS_OF,
            )  # fmt: skip
    finally:
        memory_crm.AS_OF = before


@pytest.mark.parametrize("days", [3, -3])
def test_a_frozen_worker_is_taken_over_though_its_clock_was_wrong(
    synced: Synced, clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch, days: float
) -> None:
    """What it said of itself last must not count as a sign of life for days."""
    monkeypatch.setattr(charge, "STALE_AFTER", timedelta(seconds=0.5))
    synced.crm.change(key(3), first_name="Newer")
    frozen = run_of(synced.bridge)
    clock(days)
    with taken_charge(frozen):
        _start(frozen)
        clock(0)
        time.sleep(0.7)
        assert synced.sync().status == "completed"
    frozen.refresh_from_db()
    assert (frozen.status, frozen.error_kind) == ("failed", "abandoned")


@pytest.mark.parametrize("days", [3, -3])
def test_a_worker_that_lives_is_left_alone_though_its_clock_is_wrong(
    synced: Synced, clock: Callable[[float], None], monkeypatch: pytest.MonkeyPatch, days: float
) -> None:
    """Not two in charge."""
    monkeypatch.setattr(charge, "HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr(charge, "STALE_AFTER", timedelta(seconds=2))
    slow = run_of(synced.bridge)
    clock(days)
    with taken_charge(slow):
        _start(slow)
        with Heartbeat(slow.pk, slow.attempt):
            for _ in range(3):
                time.sleep(0.9)
                with pytest.raises(Busy), taken_charge(run_of(synced.bridge)):
                    pass


def test_a_sign_of_life_from_the_future_is_none(synced: Synced, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's clock was days ahead when the worker froze, and was put right since."""
    monkeypatch.setattr(charge, "STALE_AFTER", timedelta(seconds=0.5))
    frozen = run_of(synced.bridge)
    with taken_charge(frozen):
        _start(frozen)
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE sync_run SET heartbeat_at = now() + interval '3 days' WHERE id = %s", [frozen.pk]
            )
        time.sleep(0.7)
        assert synced.sync().status == "completed"
