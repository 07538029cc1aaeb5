"""A process whose forks sync with a CRM in memory, and kill themselves at an exact exchange with PostgreSQL.

The process has Django set up, no connection open and no thread, so that a fork of it is a worker within milliseconds.
It takes pickled errands on standard input, one at a time, and answers with the fork's process id and then with how
it ended. Nothing of the product is changed: what is counted are the calls of psycopg's `Connection.wait`, through
which every statement, every piece of a COPY and every commit goes to the server, and what it says comes back.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Generator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pyarrow as pa
from psycopg.waiting import Wait

from tests.fakes.memory_crm import Key, MemoryCrm, Person

CONNECTOR = "memory"


@dataclass(frozen=True)
class Errand:
    """What to sync and how; no code: the catalog.

    `run`: one that was begun by a process that died, as the queue hands it out again. `dies_at`: in which exchange
    (from 1) it dies: when all is sent and nothing has come back. `stops_before`: where it freezes, a function of the store. `patience`:
    seconds without a heartbeat after which another is taken for frozen. `clock`: seconds by which this process's
    clock is wrong. `opts_out`: no sync, but people who do something (the column) themselves (S30).
    """

    code: str = ""
    full: bool = False
    approve: bool = False
    run: int | None = None
    dies_at: int | None = None
    stops_before: str = ""
    patience: float | None = None
    clock: float = 0.0
    opts_out: tuple[tuple[Key, str], ...] = ()


def main() -> None:
    from rollkeeper.cli.database import enter

    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not print into our answers
    enter("marketing")
    from django.db import connections

    for name in ("numpy.ma", "pyarrow.csv", "rollkeeper.marketing.sync_runs.perform"):  # so that no fork has to
        import_module(name)

    connections.close_all()
    _rehearse()
    gc.freeze()  # what a fork's collector does not touch is not copied
    while True:
        try:
            crm, errand = pickle.load(sys.stdin.buffer)  # noqa: S301  # from our own test
        except EOFError:
            return
        _answer_by_fork(crm, errand, answers)


def _rehearse() -> None:
    """Plan a sync of two people without a database, so that no fork does anything in Arrow for the first time."""
    from rollkeeper.sync.download import Arriving
    from rollkeeper.sync.merge import STORED_SCHEMA
    from rollkeeper.sync.run import plan

    people = {("1", "0"): Person("a@b.example"), ("2", "0"): Person(None)}
    crm = MemoryCrm(people, {"TWO": set(people)}, repeat={("2", "0")})
    stored = pa.RecordBatch.from_pylist([{"master_customer_id": "1", "sub_customer_id": "0"}], schema=STORED_SCHEMA)
    with tempfile.TemporaryDirectory() as folder:
        for rows in ([], [stored]):
            with Arriving(crm, "TWO", Path(folder), lambda _: None) as source:
                plan(source, iter(rows), Path(folder)).close()


def _answer_by_fork(crm: MemoryCrm, errand: Errand, answers: Any) -> None:
    source, sink = os.pipe()
    process = os.fork()
    if not process:
        os.close(source)
        os._exit(_child(crm, errand, sink))
    os.close(sink)
    pickle.dump(process, answers)
    answers.flush()
    with os.fdopen(source, "rb") as told:
        said = told.read()
    _, status = os.waitpid(process, 0)
    pickle.dump((os.waitstatus_to_exitcode(status), pickle.loads(said) if said else None), answers)  # noqa: S301
    answers.flush()


def _child(crm: MemoryCrm, errand: Errand, sink: int) -> int:
    try:
        said, code = _do(crm, errand), 0
    except BaseException:
        said, code = {"error": traceback.format_exc()}, 1
    os.write(sink, pickle.dumps(said))
    return code


def _do(crm: MemoryCrm, errand: Errand) -> dict[str, Any]:
    """The run as a document, with `exchanges`: how many it took."""
    from rollkeeper.cli.sync_run import document
    from rollkeeper.marketing.sync_runs.perform import perform

    _prepare(crm, errand)
    if errand.opts_out:
        return _opt_out(errand.opts_out)
    run_id = errand.run or _new_run(errand)
    count = _count_exchanges(errand.dies_at)
    run = perform(run_id)
    return {**document(run), "error_kind": run.error_kind, "message": run.message, "exchanges": count[0]}


def _prepare(crm: MemoryCrm, errand: Errand) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from rollkeeper.marketing.subscribers import store
    from rollkeeper.marketing.sync_runs import charge

    module = ModuleType(f"rollkeeper.connectors.{CONNECTOR}")
    module.Connector = lambda **_: crm  # type: ignore[attr-defined]  # what a connector's module holds
    sys.modules[module.__name__] = module
    if errand.patience is not None:
        charge.STALE_AFTER = timedelta(seconds=errand.patience)
    if errand.clock:
        right = timezone.now
        timezone.now = lambda: right() + timedelta(seconds=errand.clock)
    if errand.stops_before:
        step = getattr(store, errand.stops_before)

        def stopped(*arguments: Any, **named: Any) -> Any:
            os.kill(os.getpid(), signal.SIGSTOP)
            return step(*arguments, **named)

        setattr(store, errand.stops_before, stopped)


def _opt_out(people: tuple[tuple[Key, str], ...]) -> dict[str, Any]:
    """Under the lock that syncs take; counts follow."""
    from django.db import transaction
    from django.utils import timezone

    from rollkeeper.marketing.bridges.models import Bridge
    from rollkeeper.marketing.subscribers.models import Subscriber
    from rollkeeper.marketing.target_groups import funnel
    from rollkeeper.marketing.target_groups.models import TargetGroup

    with transaction.atomic():
        Bridge.objects.select_for_update(no_key=True).get()
        done = sum(
            Subscriber.objects.filter(master_customer_id=master, sub_customer_id=sub).update(
                **{what: timezone.now()}
            )
            for (master, sub), what in people
        )
        for group in TargetGroup.objects.order_by("pk"):
            funnel.store_recount(_own(), group.pk)
    return {"status": "opted out", "people": done}


def _own() -> Any:
    """The connection under Django's, in whose transaction we are."""
    from django.db import connection

    return connection.connection


def _new_run(errand: Errand) -> int:
    from rollkeeper.marketing.bridges.models import Bridge
    from rollkeeper.marketing.sync_runs.models import SyncRun
    from rollkeeper.marketing.sync_runs.request import create_run
    from rollkeeper.marketing.target_groups.models import TargetGroup
    from rollkeeper.sync.events import Event, Kind

    bridge, _ = Bridge.objects.get_or_create(name="Memory", connector=CONNECTOR, url="http://127.0.0.1/")
    return create_run(
        bridge,
        Kind.AUDIENCE if errand.code else Kind.CATALOG,
        Event.RESYNC_COUNT_DETAILS if errand.code else Event.REFRESH_TARGET_GROUPS,
        group=TargetGroup.objects.get(code=errand.code) if errand.code else None,
        requested_by="test",
        approve_held=errand.approve,
        force_full=errand.full,
        status=SyncRun.Status.RUNNING,
    ).pk


def _count_exchanges(dies_at: int | None) -> list[int]:
    """Count the exchanges of this thread from now on (the heartbeat has its own), and die at that one."""
    count, ours, exchange = [0], threading.get_ident(), psycopg.Connection.wait

    def counted(connection: Any, steps: Any, *arguments: Any, **named: Any) -> Any:
        if threading.get_ident() == ours:
            count[0] += 1
            if dies_at == count[0]:
                steps = _dying_when_sent(steps)
        return exchange(connection, steps, *arguments, **named)

    psycopg.Connection.wait = counted  # type: ignore[method-assign, assignment]  # in this fork alone
    return count


def _dying_when_sent(steps: Generator[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """The same exchange, until it only waits for the server: by then all is sent."""
    step = next(steps, None)
    while step is not None and step != Wait.R:
        step = steps.send((yield step))
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
