"""Workers that freeze, much at once, a database that stops: no late write, no deadlock, no half-visible group (B8, B9)."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import psycopg
import pytest

from rollkeeper.postgres.embedded import EmbeddedServer
from tests.fakes.memory_crm import Key
from tests.faults.reader import flaw, look_slowly, reading
from tests.faults.scenarios import Scenario, changed, known, scenarios
from tests.faults.victim import Errand
from tests.faults.workplace import Crm, Workplace, key, person
from tests.whole.installation import wait_until

pytestmark = pytest.mark.slow

SECONDS = 6.0  # of much at once
STEPS = ("apply", "_check_charge", "_update_subscribers", "_hold")


@pytest.fixture(scope="module")
def all_scenarios(workplace: Workplace) -> dict[str, Scenario]:
    return scenarios(workplace)


def is_stopped(process: int) -> bool:
    return bool(psutil.Process(process).status() == psutil.STATUS_STOPPED)


@pytest.mark.parametrize("mode", ["delta", "full"])
@pytest.mark.parametrize("step", STEPS)
def test_a_worker_that_wakes_after_its_successor_ended_writes_nothing(
    workplace: Workplace, all_scenarios: dict[str, Scenario], step: str, mode: str
) -> None:
    stale = all_scenarios[mode]
    newer = changed(stale.crm, wave=2, repeat=set())
    expected = known(workplace, Scenario(stale.start, newer, "delta")).after
    workplace.put_back(stale.start)
    late = workplace.workers[0]
    process = late.begin(stale.crm, Errand("ALL", stops_before=step, **stale.how))
    wait_until(lambda: is_stopped(process), f"it froze before {step}")
    with reading(workplace, "ALL"):
        run = wait_until(lambda: _taken_over(workplace, newer), "the successor took over", pause=0.1)
        assert run["identical"]
        assert workplace.state() == expected
        os.kill(process, signal.SIGCONT)
        woken = late.end()
    assert (woken.status, woken.run["error_kind"]) == ("failed", "abandoned")
    assert workplace.state() == expected


def _taken_over(place: Workplace, crm: Crm) -> dict[str, Any] | None:
    successor = place.worker(1)
    successor.begin(crm, Errand("ALL", patience=0.5))
    ended = successor.end()
    return ended.run if ended.status == "completed" else None


# -- much at once

PEOPLE_WHO_OPT_OUT = [key(number) for number in range(22, 34)]
WHAT = ("unsubscribed_at", "complained_at", "bounced_at")


class Together:
    """Threads that work until told to stop; an error of any of them fails the test."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self.errors: list[BaseException] = []
        self._threads: list[threading.Thread] = []

    def start(self, step: Any, pause: float) -> None:
        def work() -> None:
            try:
                while not self.stop.wait(pause):
                    step()
            except BaseException as error:
                self.errors.append(error)

        self._threads.append(threading.Thread(target=work))
        self._threads[-1].start()

    @contextmanager
    def until(self, enough: Callable[[], bool]) -> Iterator[None]:
        """For some seconds, and until there is enough."""
        try:
            yield
            time.sleep(SECONDS)
            wait_until(lambda: self.errors or enough(), "enough was done")
        finally:
            self.stop.set()
            for thread in self._threads:
                thread.join()
        assert not self.errors, self.errors


def frozen_audience(connection: psycopg.Connection[Any], code: str) -> None:
    """As a mailing does: copy who receives it, in one snapshot; the copy and the group's figures are of one state."""
    with connection.transaction():
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        connection.execute(
            "CREATE TEMP TABLE ledger ON COMMIT DROP AS SELECT s.id, s.status FROM group_member m "
            "JOIN subscriber s ON s.id = m.subscriber_id JOIN target_group g ON g.id = m.group_id "
            "WHERE g.code = %s AND s.status = 'Subscribed'",
            [code],
        )
        seen = connection.execute(
            "SELECT (SELECT count(*) FROM ledger), (SELECT count(*) FROM group_member m JOIN subscriber s "
            "ON s.id = m.subscriber_id WHERE m.group_id = g.id AND s.status = 'Subscribed'), g.count_receiving "
            "FROM target_group g WHERE g.code = %s",
            [code],
        ).fetchone()
    assert seen is not None
    ledger, rows, kept = seen
    assert ledger == rows == kept, seen


def test_syncs_mailings_and_people_at_once_lose_nothing_and_never_wait_for_each_other(
    workplace: Workplace, all_scenarios: dict[str, Scenario]
) -> None:
    """Groups that share people are synced by two workers, an audience is frozen, and people opt out, all along."""
    seed = random.SystemRandom().randrange(2**32)
    choose = random.Random(seed)  # noqa: S311  # which work, not a secret
    workplace.put_back("both")
    deadlocks = _deadlocks(workplace)
    crm = workplace.crm.at(repeat=set())
    opted_out = workplace.own_opt_outs()
    together = Together()
    ended: list[tuple[str, str]] = []

    def enough() -> bool:
        return {(code, mode) for code in ("ALL", "HALF") for mode in ("delta", "full")} <= set(ended)

    def sync(worker: int, code: str) -> None:
        nonlocal crm
        wave = choose.randrange(1000)
        numbers = [choose.randrange(5, 80) for _ in range(6)]
        crm = crm.at(people={**crm.people, **{key(number): person(number, wave) for number in numbers}})
        workplace.worker(worker).begin(crm, Errand(code, full=sum(done == code for done, _ in ended) % 3 == 2))
        done = workplace.worker(worker).end()
        if done.run["error_kind"] == "busy":  # the other group's syncs brought newer data of its people each time
            return
        assert done.status in {"completed", "held"}, (seed, done)
        ended.append((code, done.run["mode"]))

    def opt_out() -> None:
        somebody: tuple[Key, str] = (choose.choice(PEOPLE_WHO_OPT_OUT), choose.choice(WHAT))
        if somebody[0] not in {who for who, _ in opted_out}:
            assert workplace.opt_out((somebody,), worker=2) == 1
            opted_out.add(somebody)

    with workplace.connect() as mailing, reading(workplace, "ALL", "HALF"), together.until(enough):
        together.start(lambda: sync(0, "ALL"), 0.01)
        together.start(lambda: sync(1, "HALF"), 0.01)
        together.start(opt_out, 0.2)
        together.start(lambda: [frozen_audience(mailing, code) for code in ("ALL", "HALF")], 0.05)
    for code in ("HALF", "ALL", "HALF"):
        workplace.cleanly(code, crm)
    assert workplace.own_opt_outs() == opted_out, seed  # S30
    assert _deadlocks(workplace) == deadlocks, seed
    for code in ("ALL", "HALF"):
        seen = look_slowly(workplace.connection, code)
        assert not flaw(seen), seed
        assert seen[3] == f"{crm.fingerprint(code):032x}", seed


def _deadlocks(place: Workplace) -> int:
    row = place.connection.execute(
        "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    ).fetchone()
    return int(row[0]) if row else 0


# -- the database itself


@pytest.mark.parametrize("name", ["first", "repair"])
def test_postgresql_stopped_at_once_in_the_middle_changes_nothing_or_all(
    workplace: Workplace, all_scenarios: dict[str, Scenario], name: str
) -> None:
    case = known(workplace, all_scenarios[name])
    server, worker = EmbeddedServer(workplace.home), workplace.workers[0]
    for instant in (0.01, 0.05, 0.12):
        case.begin(workplace)
        worker.begin(case.scenario.crm, Errand("ALL", **case.scenario.how))
        time.sleep(instant)
        server.stop("immediate")
        ended = worker.end(may_fail=True)
        server.start()
        workplace.connect_again()
        assert not (other := case.differs(workplace.state(), case.before, case.after)), (
            name,
            instant,
            ended,
            other,
        )
        workplace.cleanly("ALL", case.scenario.crm, **case.scenario.how)
        assert not (other := case.differs(workplace.state(), case.after)), (name, instant, ended, other)
        assert "running" not in workplace.run_states().values()
