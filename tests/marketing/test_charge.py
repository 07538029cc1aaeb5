"""One process in charge of a run, taken over when it is dead or frozen, and no older data over newer (B8 B9)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import psycopg
import pyarrow as pa
import pytest
from django.db import connection as django_connection

from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.marketing.sync_runs import audience, charge, tasks
from rollkeeper.marketing.sync_runs.charge import Busy, Cancelled, Heartbeat, taken_charge
from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.marketing.sync_runs.perform import _start, perform, spool_folder
from rollkeeper.marketing.sync_runs.request import cancel_sync, create_run, request_sync
from rollkeeper.marketing.target_groups.models import TargetGroup
from rollkeeper.sync.connector import Pull
from rollkeeper.sync.events import Event, Kind
from tests.fakes.memory_crm import Key, MemoryCrm, Person
from tests.marketing.syncing import bridge_to, stored_people, sync_group

pytestmark = pytest.mark.django_db(transaction=True)

EVENT = Event.RESYNC_COUNT_DETAILS


def crm_of(count: int) -> MemoryCrm:
    people: dict[Key, Person] = {(f"{n:03}", "0"): Person(f"p{n}@example.org") for n in range(count)}
    return MemoryCrm(people=people, lists={"ALL": set(people), "ODD": {k for k in people if int(k[0]) % 2}})


def new_run(bridge: Bridge, code: str = "ALL") -> SyncRun:
    group = TargetGroup.objects.get(bridge=bridge, code=code)
    return create_run(bridge, Kind.AUDIENCE, EVENT, group=group, requested_by="test", status=SyncRun.Status.RUNNING)


class Interrupted(MemoryCrm):
    """Calls back when the first batch of the list is out: something happens in the middle of the pull."""

    def when_pulling(self, then: Callable[[], object]) -> None:
        self.then: Callable[[], object] | None = then

    @contextmanager
    def members(self, code: str) -> Iterator[Pull]:
        with super().members(code) as pull:
            yield _InterruptedPull(pull, self)

    @contextmanager
    def changes(self, code: str, token: str, also: Sequence[Key] = ()) -> Iterator[Pull]:
        with super().changes(code, token, also) as pull:
            yield _InterruptedPull(pull, self)


class _InterruptedPull:
    def __init__(self, pull: Pull, crm: Interrupted) -> None:
        self.fields, self.mode, self.closing = pull.fields, pull.mode, pull.closing
        self._pull, self._crm = pull, crm

    def batches(self) -> Iterator[pa.RecordBatch]:
        batches = list(self._pull.batches())  # the CRM's snapshot is taken before the interruption
        then, self._crm.then = self._crm.then, None
        if then:
            then()
        yield from batches


def test_a_second_sync_of_the_same_group_is_told_that_it_is_busy() -> None:  # S13's rule, for groups
    bridge = bridge_to(crm_of(3))
    first, second = new_run(bridge), new_run(bridge)
    with taken_charge(first), pytest.raises(Busy), taken_charge(second):
        pass
    with taken_charge(first):
        assert perform(second.pk).status == "skipped"
    second.refresh_from_db()
    assert second.error_kind == "busy"


def test_different_groups_do_not_wait_for_each_other() -> None:
    bridge = bridge_to(crm_of(3))
    with taken_charge(new_run(bridge, "ALL")), taken_charge(new_run(bridge, "ODD")):
        pass


def test_a_frozen_holder_is_ended_when_its_heartbeat_is_stale_and_cannot_write(
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # B9
    monkeypatch.setattr(charge, "STALE_AFTER", timedelta(seconds=0.5))
    crm = crm_of(5)
    bridge = bridge_to(crm)
    frozen = new_run(bridge)
    with taken_charge(frozen) as held:
        _start(frozen)
        time.sleep(0.6)  # no heartbeat beats
        assert sync_group(bridge, crm, "ALL").status == "completed"
        with pytest.raises(psycopg.OperationalError):
            held.execute("SELECT 1")  # it wakes
    frozen.refresh_from_db()
    assert (frozen.status, frozen.error_kind) == ("failed", "abandoned")
    assert len(stored_people(bridge, "ALL")) == 5


def test_a_holder_that_has_only_just_connected_is_left_alone() -> None:
    bridge = bridge_to(crm_of(3))
    with taken_charge(new_run(bridge)), pytest.raises(Busy), taken_charge(new_run(bridge)):
        pass


def test_a_holder_that_shows_life_is_left_alone() -> None:
    bridge = bridge_to(crm_of(3))
    alive = new_run(bridge)
    with taken_charge(alive):
        _start(alive)
        with Heartbeat(alive.pk, alive.attempt), pytest.raises(Busy), taken_charge(new_run(bridge)):
            pass


def test_a_run_that_was_taken_over_does_not_write() -> None:  # B9: the attempt number fences
    crm = Interrupted(**vars(crm_of(4)))
    bridge = bridge_to(crm)
    run = new_run(bridge)

    def taken_over() -> None:
        SyncRun.objects.filter(pk=run.pk).update(attempt=99)

    crm.when_pulling(taken_over)
    with taken_charge(run) as connection, Heartbeat(run.pk, 1) as heartbeat:
        _start(run)
        with pytest.raises(audience.Superseded):
            audience.sync(run, connection, crm, heartbeat, spool_folder())
    assert stored_people(bridge, "ALL") == {}


def test_older_data_never_overwrites_newer_of_a_sync_that_overlapped() -> None:  # an opt-out is never lost
    crm = Interrupted(**vars(crm_of(6)))
    crm.then = None
    bridge = bridge_to(crm)
    sync_group(bridge, crm, "ALL")
    sync_group(bridge, crm, "ODD")
    crm.change(("001", "0"), first_name="Older")

    def opt_out_reaches_the_other_group() -> None:
        crm.change(("001", "0"), first_name="Newer", allow_email=False)
        sync_group(bridge, crm, "ODD")

    crm.when_pulling(opt_out_reaches_the_other_group)
    run = sync_group(bridge, crm, "ALL")
    person = stored_people(bridge, "ALL")[("001", "0")]
    assert (person.first_name, person.status) == ("Newer", "Unsubscribed from remote system")
    assert run.identical


def test_a_sync_that_came_between_without_touching_the_same_people_needs_no_second_pull() -> None:
    crm = Interrupted(**vars(crm_of(6)))
    crm.then = None
    bridge = bridge_to(crm)
    sync_group(bridge, crm, "ALL")
    crm.change(("002", "0"), first_name="Changed")
    crm.people[("900", "0")] = Person("late@example.org")
    crm.lists["ODD"].add(("900", "0"))
    crm.when_pulling(lambda: sync_group(bridge, crm, "ODD"))
    run = sync_group(bridge, crm, "ALL")
    assert (run.mode, run.updated, run.unchanged, run.identical) == ("delta", 1, 0, True)


def test_syncs_of_groups_that_share_people_run_at_once_without_deadlock() -> None:  # B8
    crm = crm_of(60)
    bridge = bridge_to(crm)
    outcomes: list[str] = []

    def sync(code: str) -> None:
        try:
            for round_ in range(6):
                for number in range(60):
                    crm.change((f"{number:03}", "0"), first_name=f"{code}{round_}")
                outcomes.append(sync_group(bridge, crm, code).status)
        except audience.TooBusy:
            outcomes.append("busy")
        finally:
            django_connection.close()

    threads = [threading.Thread(target=sync, args=(code,)) for code in ("ALL", "ODD")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert set(outcomes) <= {"completed", "busy"}
    for code in ("ALL", "ODD"):
        assert sync_group(bridge, crm, code).identical


def test_a_request_while_one_waits_joins_it() -> None:  # spec/work.md
    bridge = bridge_to(crm_of(1))
    group = TargetGroup.objects.get(code="ALL")
    first = request_sync(bridge, Kind.AUDIENCE, EVENT, group=group, requested_by="one")
    joined = request_sync(bridge, Kind.AUDIENCE, Event.OVERNIGHT, group=group, requested_by="two")
    other = request_sync(bridge, Kind.CATALOG, Event.LOGIN, requested_by="two")
    assert first.pk == joined.pk != other.pk
    with django_connection.cursor() as cursor:
        cursor.execute(
            "SELECT args ->> 'run_id' FROM procrastinate_jobs WHERE task_name = %s AND args ->> 'run_id' = ANY(%s) "
            "ORDER BY id DESC LIMIT 2",
            [tasks.perform_sync.name, [str(first.pk), str(other.pk)]],
        )
        assert cursor.fetchall() == [(str(other.pk),), (str(first.pk),)]


def test_a_run_that_ended_is_not_performed_again() -> None:
    crm = crm_of(2)
    bridge = bridge_to(crm)
    run = sync_group(bridge, crm, "ALL")
    again = perform(run.pk)
    assert (again.status, again.attempt) == ("completed", 1)


def test_cancelling_a_run_that_waits_ends_it_and_the_work_finds_it_ended() -> None:
    bridge = bridge_to(crm_of(2))
    group = TargetGroup.objects.get(code="ALL")
    run = request_sync(bridge, Kind.AUDIENCE, EVENT, group=group, requested_by="one")
    cancel_sync(run, cancelled_by="two")
    assert (perform(run.pk).status, perform(run.pk).message) == ("skipped", "Cancelled by two before it began.")
    assert stored_people(bridge, "ALL") == {}


def test_cancelling_a_run_at_work_stops_it_between_two_batches_and_changes_nothing() -> None:
    crm = Interrupted(**vars(crm_of(4)))
    bridge = bridge_to(crm)
    run = new_run(bridge)

    def cancelled() -> None:
        cancel_sync(run, cancelled_by="two")
        time.sleep(charge.HEARTBEAT_SECONDS + 0.5)  # the heartbeat hears it

    crm.when_pulling(cancelled)
    with taken_charge(run) as connection:
        _start(run)
        with Heartbeat(run.pk, run.attempt) as heartbeat, pytest.raises(Cancelled):
            audience.sync(run, connection, crm, heartbeat, spool_folder())
    assert stored_people(bridge, "ALL") == {}


def test_an_approval_is_added_to_the_run_that_it_joins() -> None:  # B3
    bridge = bridge_to(crm_of(1))
    group = TargetGroup.objects.get(code="ALL")
    first = request_sync(bridge, Kind.AUDIENCE, EVENT, group=group, requested_by="one")
    joined = request_sync(bridge, Kind.AUDIENCE, EVENT, group=group, requested_by="two", approve_held=True)
    first.refresh_from_db()
    assert (first.pk, first.approve_held, joined.approve_held) == (joined.pk, True, True)
