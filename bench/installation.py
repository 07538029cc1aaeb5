"""A Rollkeeper of the benchmark's own: a home with PostgreSQL, both sites' databases, and the CRM site serving."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from rollkeeper.cli.home import answers
from rollkeeper.cli.once import ask
from rollkeeper.cli.parent import SUPERVISED
from rollkeeper.cli.processes import ROLLKEEPER
from rollkeeper.configuration import Site, configuration
from rollkeeper.postgres.embedded import EmbeddedServer, hold, release
from rollkeeper.postgres.server import database_parameters

START_SECONDS = 60
LARGEST_REAL = 1_000_000  # constituents; the members of a longer list are multiplied by SQL (`multiply.py`)


@dataclass(frozen=True, slots=True)
class Installation:
    """Where it is, and whose CPU time to count: the main processes of the CRM site and of PostgreSQL."""

    home: Path
    crm_url: str
    token: str
    crm: int
    postgres: int

    @property
    def ready(self) -> Path:
        """A folder that the PostgreSQL server writes to and reads from."""
        return self.home / "ready"

    def errand(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Have something done in a fresh process of its own (`errands.py`), and return what it answers."""
        common = {"crm_url": self.crm_url, "token": self.token, "crm": self.crm, "postgres": self.postgres}
        return errand(name, **common, **arguments)

    def run(self, site: Site, *statements: str) -> None:
        """SQL for a site's database, each statement for itself."""
        with connect(site, autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement)

    def settle(self) -> None:
        """Write out what earlier work left in memory, so that the next one does not pay for it."""
        self.run("marketing", "CHECKPOINT")  # of the whole server


def connect(site: Site, *, autocommit: bool = False) -> psycopg.Connection[Any]:
    return psycopg.connect(autocommit=autocommit, **database_parameters(site))


def errand(name: str, **arguments: Any) -> dict[str, Any]:
    """One errand in a fresh process. Its arguments go by standard input: a token is no one else's business."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.errands", name],
        input=json.dumps(arguments),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@contextmanager
def installed(members: int, crm_port: int, parent: Path | None) -> Iterator[Installation]:
    """An installation with that many constituents, all in one list; gone, with its data, after the block."""
    home = Path(tempfile.mkdtemp(prefix="rollkeeper-bench-", dir=parent))
    home.chmod(0o755)  # the database server runs as a user of its own
    os.environ["ROLLKEEPER_HOME"] = str(home)
    os.environ["ROLLKEEPER_CRM_PORT"] = str(crm_port)
    configuration.cache_clear()  # of an installation before
    crm_url = f"http://127.0.0.1:{crm_port}"
    try:
        server = hold(home)
        _quiet()
        errand("fill_crm", total=members)
        token = ask("site", "new-token", "--json")["token"]
        with _serving(crm_url, home) as crm:
            errand("join_sites", crm_url=crm_url, token=token)
            (home / "ready").mkdir()
            (home / "ready").chmod(0o777)  # in a folder of ours that is gone in a minute
            yield Installation(home, crm_url, token, crm, _main_process(server))
    finally:
        release(home)
        shutil.rmtree(home, ignore_errors=True)


def _quiet() -> None:
    """No autovacuum: it would charge what one measurement left behind to whichever comes next."""
    from rollkeeper.postgres.server import server_url

    with psycopg.connect(server_url(), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET autovacuum = off")
        connection.execute("SELECT pg_reload_conf()")


def _main_process(server: EmbeddedServer) -> int:
    return int((server.data / "postmaster.pid").read_text().splitlines()[0])


@contextmanager
def _serving(url: str, home: Path) -> Iterator[int]:
    """The CRM site as `rollkeeper up` starts it; yields its main process."""
    with (home / "crm-site.log").open("wb") as log:
        process = subprocess.Popen(
            [*ROLLKEEPER, "site", "serve", "crm"],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, SUPERVISED: "1"},
            start_new_session=True,
        )
    try:
        end = time.monotonic() + START_SECONDS
        while not answers(f"{url}/livez"):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"The CRM site does not serve: {(home / 'crm-site.log').read_text()[-2000:]}")
            time.sleep(0.1)
        yield process.pid
    finally:
        process.terminate()
        process.wait()
