"""A real installation in a home: commands as processes, the CRM site as a process, drivers for many quick steps.

One process holds one Django site, so whoever wants hundreds of steps a minute keeps a process for each site
(`driver.py`) and talks to it in JSON lines. Nothing here imports Django.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg

from rollkeeper.configuration import Configuration, Site
from rollkeeper.postgres.server import database_parameters

ROOT = Path(__file__).parents[2]
ROLLKEEPER = (sys.executable, "-m", "rollkeeper.cli.main")
PATIENCE = 120.0  # seconds for anything to happen on a busy machine


def free_ports(count: int) -> list[int]:
    """Ports that nobody has at this moment, all different."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait_until(condition: Callable[[], Any], what: str, seconds: float = PATIENCE, pause: float = 0.02) -> Any:
    """Look until it holds; what it then is. Fails with `what` when it does not come about."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = condition()
        if found:
            return found
        time.sleep(pause)
    raise AssertionError(f"Not within {seconds:.0f} s: {what}")


@dataclass(frozen=True)
class Ran:
    """A command that has ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Its answer: standard output is exactly one JSON document, whatever happened."""
        return json.loads(self.out)


class Refused(Exception):
    """The site refused what a driver was asked; the message is the one that a person would read."""


class Driver:
    """A process that does things in one site, one after the other."""

    def __init__(self, site: Site, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.whole.driver", site],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __call__(self, do: str, **arguments: Any) -> Any:
        """Do it and return the answer. Raises `Refused`; an error of ours fails the test with its trace."""
        self.ask(do, **arguments)
        return self.answer()

    def ask(self, do: str, **arguments: Any) -> None:
        assert self.process.stdin is not None
        print(json.dumps({"do": do, **arguments}), file=self.process.stdin, flush=True)

    def answer(self) -> Any:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, f"The driver ended with {self.process.poll()}"
        said = json.loads(line)
        if "refused" in said:
            raise Refused(said["refused"])
        assert "error" not in said, said["error"]
        return said["answer"]

    def end(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait(PATIENCE)
        self.process.stdout.close()


@dataclass
class Installation:
    """Both sites of a home. The PostgreSQL server is the home's own, or `postgres_url`'s."""

    home: Path
    postgres_url: str | None = None
    ports: list[int] = field(default_factory=lambda: free_ports(2))
    crm_site: subprocess.Popen[bytes] | None = None
    drivers: list[Driver] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        ours = {
            "ROLLKEEPER_HOME": str(self.home),
            "ROLLKEEPER_PORT": str(self.ports[0]),
            "ROLLKEEPER_CRM_PORT": str(self.ports[1]),
            "ROLLKEEPER_LOG_LEVEL": "WARNING",
        }
        if self.postgres_url:
            ours["ROLLKEEPER_POSTGRES_URL"] = self.postgres_url
        return {**{name: value for name, value in os.environ.items() if not name.startswith("ROLLKEEPER_")}, **ours}

    @property
    def crm_url(self) -> str:
        return f"http://127.0.0.1:{self.ports[1]}"

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        """Start `rollkeeper …` and do not wait."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "stdin": subprocess.DEVNULL}
        return subprocess.Popen(
            [*ROLLKEEPER, *arguments], cwd=ROOT, env=self.environment, text=True, **{**pipes, **options}
        )

    def run(self, *arguments: str, told: str | None = None, seconds: float = PATIENCE) -> Ran:
        """Run `rollkeeper …` to its end."""
        options = {} if told is None else {"stdin": subprocess.PIPE}
        return ended(self.start(*arguments, **options), told, seconds)

    def prepare(self) -> None:
        """Tables of both sites, the bridge between them and its token."""
        sites: Sequence[list[str]] = (["crm"], ["marketing", "--crm-url", self.crm_url])
        for process in [self.start("site", "prepare", *site, "--json") for site in sites]:
            assert (done := ended(process)).code == 0, done
        token = self.run("site", "new-token", "--json").json["token"]
        assert self.run("site", "store-token", told=token).code == 0

    def start_crm_site(self) -> None:
        """Serve the CRM site in a process group of its own; returns when it answers."""
        self.crm_site = subprocess.Popen(
            [*ROLLKEEPER, "site", "serve", "crm"], cwd=ROOT, env=self.environment, start_new_session=True
        )
        wait_until(self._crm_answers, "the CRM site answers")

    def _crm_answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.crm_url}/livez", timeout=5) as response:  # noqa: S310  # loopback
                return bool(response.status == 200)
        except OSError:
            return False

    def end_crm_site(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End the CRM site's processes, by signal to all of them."""
        if self.crm_site is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.crm_site.pid, number)
            self.crm_site.wait(PATIENCE)
            self.crm_site = None

    def driver(self, site: Site) -> Driver:
        made = Driver(site, self.environment)
        self.drivers.append(made)
        return made

    @contextlib.contextmanager
    def database(self, site: Site) -> Iterator[psycopg.Connection[Any]]:
        """A connection of the test's own, each statement a transaction."""
        settings = Configuration(home=self.home, postgres_url=self.postgres_url)
        with psycopg.connect(autocommit=True, **database_parameters(site, settings)) as connection:  # type: ignore[arg-type]  # libpq parameters are text
            yield connection

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for driver in self.drivers:
            driver.end()
        self.end_crm_site()


def ended(process: subprocess.Popen[str], told: str | None = None, seconds: float = PATIENCE) -> Ran:
    """Wait for a command to end; it is killed when it does not."""
    try:
        out, err = process.communicate(told, timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f"It did not end within {seconds} s.\n{out}\n{err}") from None
    return Ran(process.returncode, out, err)
