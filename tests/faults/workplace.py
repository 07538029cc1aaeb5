"""A marketing site of some hundred subscribers in a home of its own, whose workers are forks that can be killed.

It tells what the tables hold in a form in which two sites that did the same are equal, and puts them back as they
were within milliseconds, so that hundreds of kills can be tried.
"""

from __future__ import annotations

import hashlib
import os
import pickle
import signal
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from rollkeeper.configuration import Configuration
from rollkeeper.postgres.server import database_parameters
from rollkeeper.sync.member import Field
from tests.fakes.memory_crm import Key, MemoryCrm, Person
from tests.faults.victim import Errand
from tests.whole.installation import PATIENCE, ROOT

PEOPLE = 80
FIELDS = (Field("city", "City", "text"), Field("level", "Level", "text"))

# What is written by syncs, children first. The rest of a group's row (limits, name) is put back too.
TABLES = (
    "run_change", "set_aside_row", "held_removal", "group_member", "subscriber", "sync_run", "target_group", "bridge",
)  # fmt: skip

# Each table as texts that leave out what differs between two runs of the same: ids, runs, instants.
WHO = "'master', {0}.master_customer_id, 'sub', {0}.sub_customer_id"
CONTENTS = {
    "subscriber": "SELECT jsonb_strip_nulls(to_jsonb(s) - '{id,first_run,last_run}'::text[])::text FROM subscriber s",
    "group_member": f"""SELECT jsonb_build_object({WHO.format("m")}, 'group', g.code, 'hi', m.hash_hi,
        'lo', m.hash_lo, 'subscriber', (SELECT jsonb_build_object({WHO.format("s")}, 'hi', s.hash_hi, 'lo', s.hash_lo)
        FROM subscriber s WHERE s.id = m.subscriber_id))::text
        FROM group_member m JOIN target_group g ON g.id = m.group_id""",
    "target_group": """SELECT (to_jsonb(g) - '{synced_at,verified_at,held_since,applied_run}'::text[] ||
        jsonb_build_object('synced', synced_at IS NOT NULL, 'held', held_since IS NOT NULL))::text FROM target_group g""",
    "held_removal": f"""SELECT jsonb_build_object({WHO.format("h")}, 'group', h.group_id, 'why', h.reason,
        'subscriber', (SELECT s.master_customer_id FROM subscriber s WHERE s.id = h.subscriber_id))::text
        FROM held_removal h""",
    "set_aside_row": f"""SELECT jsonb_build_object({WHO.format("a")}, 'group', a.group_id, 'why', a.reason,
        'kind', a.kind, 'row', a.row, 'keeps', a.detail LIKE '%keeps the data%')::text
        FROM set_aside_row a JOIN target_group g ON g.applied_run = a.run_id""",
    "run_change": f"""SELECT jsonb_build_object({WHO.format("c")}, 'group', c.group_id, 'change', c.change,
        'was', c.status_before, 'is', c.status_after, 'before', c.before)::text FROM run_change c""",
    # A sync that holds what was held already counts as a write of the bridge; what matters is that none is ahead of it.
    "bridge": "SELECT (revision >= ALL (SELECT revision FROM subscriber))::text FROM bridge",
}  # fmt: skip

State = dict[str, list[str]]


def key(number: int) -> Key:
    return (f"{number:04}", "0")


def person(number: int, wave: int) -> Person:
    """Some have no address, a malformed one or no permission, others than in the wave before."""
    kind = (number + wave) % 11
    email = None if kind == 1 else "nonsense" if kind == 2 else f"p{number}.{wave}@example.org"
    values = (("city", f"City {number % 7}"), ("level", f"Level {wave}"))
    return Person(email, f"First {wave}", f"Last {number}", kind != 3, values)


class Crm(MemoryCrm):
    """A CRM in memory whose tokens name what the list holds: every copy of it in every process knows them."""

    def name_of_state(self, code: str) -> str:
        return hashlib.sha256(repr(sorted(self._state(code).items())).encode()).hexdigest()

    def at(self, **changes: Any) -> Crm:
        """A copy that is otherwise; it knows the tokens of this one."""
        for code in self.lists:
            self.note_state(code)
        return replace(self, **{"states": dict(self.states), "people": dict(self.people), **changes})


def first_crm() -> Crm:
    """ALL has most people, HALF some of them and some others. Two differ by case alone, two by a trailing space."""
    people = {key(number): person(number, 0) for number in range(PEOPLE)}
    people |= {
        (master, sub): Person(f"twin{number}@example.org", "Twin", master, values=(("city", "Ely"),))
        for number, (master, sub) in enumerate((("a1", "0"), ("A1", "0"), ("a1 ", "0"), ("a1", "0 ")))
    }
    listed = sorted(people)
    return Crm(people, {"ALL": set(listed[5:]), "HALF": set(listed[:50])}, FIELDS, batch_size=60)


@dataclass(frozen=True)
class Ended:
    """A worker that has ended: its exit code (-9: killed), and the run as a document, where it could tell."""

    code: int
    run: dict[str, Any]

    @property
    def status(self) -> str:
        return str(self.run.get("status", "killed" if self.code == -signal.SIGKILL else self.run))


class Worker:
    """A process that forks a worker an errand, one after the other."""

    def __init__(self, home: Path) -> None:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("ROLLKEEPER_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.victim"],
            cwd=ROOT,
            env={**environment, "ROLLKEEPER_HOME": str(home), "ROLLKEEPER_LOG_LEVEL": "ERROR"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
        )

    def begin(self, crm: MemoryCrm, errand: Errand) -> int:
        """Start an errand; the process id of the worker."""
        assert self._process.stdin is not None
        for code in crm.lists:
            crm.note_state(code)  # the worker's copy of the CRM gives out a token for it
        pickle.dump((crm, errand), self._process.stdin)
        self._process.stdin.flush()
        return int(self._read())

    def end(self, *, may_fail: bool = False) -> Ended:
        """Wait until the worker has ended. `may_fail`: an error of our own making is an end too."""
        code, run = self._read()
        assert may_fail or "error" not in (run or {}), run["error"]
        return Ended(code, run or {})

    def _read(self) -> Any:
        """What it says next; where it says nothing for too long it is killed, and that is an `EOFError`."""
        assert self._process.stdout is not None
        patience = threading.Timer(PATIENCE, self._kill)
        patience.start()
        try:
            return pickle.load(self._process.stdout)  # noqa: S301  # from our own process
        finally:
            patience.cancel()

    def close(self) -> None:
        """It ends by itself, unless a fork of it is frozen."""
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._kill()
            self._process.wait()

    def _kill(self) -> None:
        """It and its fork."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)


class Workplace:
    """The site, its CRM, and one worker; more can be had."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.crm = first_crm()
        self.workers = [Worker(home)]
        assert self.sync("").status == "completed"
        self.connection = self.connect()
        self._columns = {name: self._written_columns(name) for name in TABLES}
        self.keep("catalog")

    def connect(self) -> psycopg.Connection[Any]:
        settings = Configuration(home=self.home, postgres_url=None)
        return psycopg.connect(autocommit=True, **database_parameters("marketing", settings))  # type: ignore[arg-type]  # libpq parameters are text

    def connect_again(self) -> None:
        """After the server was away."""
        self.connection.close()
        self.connection = self.connect()

    def close(self) -> None:
        self.connection.close()
        for worker in self.workers:
            worker.close()

    def worker(self, number: int) -> Worker:
        while len(self.workers) <= number:
            self.workers.append(Worker(self.home))
        return self.workers[number]

    def sync(self, code: str, crm: MemoryCrm | None = None, **how: Any) -> Ended:
        """A sync to its end, whatever end that is."""
        self.workers[0].begin(crm or self.crm, Errand(code, **how))
        return self.workers[0].end()

    def killed_after(self, seconds: float, code: str, crm: MemoryCrm, **how: Any) -> Ended:
        """A sync that is killed at an instant, unless it ended before."""
        process = self.workers[0].begin(crm, Errand(code, **how))
        killer = threading.Timer(seconds, _kill, [process])
        killer.start()
        ended = self.workers[0].end()
        killer.cancel()
        killer.join()
        return ended

    def cleanly(self, code: str, crm: MemoryCrm, **how: Any) -> dict[str, Any]:
        """A sync that must do its work. For an instant the server may still hold the dead worker's lock."""
        for _ in range(200):
            ended = self.sync(code, crm, **how)
            if ended.run["error_kind"] != "busy":
                break
            how["run"] = None
        assert ended.status in {"completed", "held"}, ended
        return ended.run

    def opt_out(self, people: tuple[tuple[Key, str], ...], worker: int = 0) -> int:
        self.worker(worker).begin(self.crm, Errand(opts_out=people))
        return int(self.worker(worker).end().run["people"])

    def own_opt_outs(self) -> set[tuple[Key, str]]:
        """Who is on record as having opted out, or bounced, with the status that goes with it."""
        found = self.connection.execute(
            "SELECT master_customer_id, sub_customer_id, CASE status WHEN 'Unsubscribed' THEN 'unsubscribed_at' "
            "WHEN 'Complained' THEN 'complained_at' WHEN 'Bounced' THEN 'bounced_at' END FROM subscriber "
            "WHERE num_nonnulls(unsubscribed_at, complained_at, bounced_at, suppressed_at) > 0"
        ).fetchall()
        return {((master, sub), what) for master, sub, what in found}

    # -- what the tables hold

    def state(self, connection: psycopg.Connection[Any] | None = None) -> State:
        query = " UNION ALL ".join(
            f"SELECT '{name}', coalesce(array_agg(line ORDER BY line COLLATE \"C\"), '{{}}') "
            f"FROM ({contents}) AS c (line)"
            for name, contents in CONTENTS.items()
        )
        return dict((connection or self.connection).execute(query).fetchall())

    def run_states(self) -> dict[int, str]:
        return dict(self.connection.execute("SELECT id, status FROM sync_run").fetchall())

    def keep(self, name: str) -> None:
        """Remember the tables under a name."""
        with self.connection.transaction():
            for table in TABLES:
                self.connection.execute(
                    sql.SQL("DROP TABLE IF EXISTS {0}; CREATE TABLE {0} AS TABLE {1}").format(
                        sql.Identifier(f"{name}_{table}"), sql.Identifier(table)
                    )
                )

    def put_back(self, name: str) -> None:
        """Make the tables what they were when they were remembered."""
        with self.connection.transaction():
            self.connection.execute("SET LOCAL session_replication_role = replica")
            for table, columns in reversed(self._columns.items()):
                self.connection.execute(
                    sql.SQL(
                        "DELETE FROM {0}; INSERT INTO {0} ({2}) OVERRIDING SYSTEM VALUE SELECT {2} FROM {1}"
                    ).format(sql.Identifier(table), sql.Identifier(f"{name}_{table}"), columns)
                )

    def _written_columns(self, table: str) -> sql.Composed:
        found = self.connection.execute(
            "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped "
            "AND attgenerated = ''",
            [table],
        ).fetchall()
        return sql.SQL(", ").join(sql.Identifier(name) for (name,) in found)


def _kill(process: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)
