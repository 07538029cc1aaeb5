"""A running installation: its home, its addresses, and that there is one `up` in a home at a time."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rollkeeper.cli.frame import Failure

EVERY_ADDRESS = ("0.0.0.0", "::", "")  # noqa: S104  # compared with, not bound to
GOING_SECONDS = 5.0  # for the sites of an `up` that was killed to end
ANSWER_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the two sites of a home listen."""

    home: Path
    host: str
    port: int
    crm_port: int

    @property
    def marketing_url(self) -> str:
        return f"http://{self._reachable}:{self.port}"

    @property
    def crm_url(self) -> str:
        return f"http://{self._reachable}:{self.crm_port}"

    @property
    def _reachable(self) -> str:
        host = "127.0.0.1" if self.host in EVERY_ADDRESS else self.host
        return f"[{host}]" if ":" in host else host


@contextmanager
def claim_home(addresses: Addresses) -> Iterator[None]:
    """Be the one `up` of this home, on ports that are free, and write down where it serves. Raises `Failure`.

    The claim is a lock that ends with this process, however it ends.
    """
    addresses.home.mkdir(parents=True, exist_ok=True)
    with (addresses.home / "up.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Failure(
                f"Rollkeeper is up already in {addresses.home}{_of_process(addresses.home)}. "
                "What to do: use that one, end it first, or set ROLLKEEPER_HOME to another folder."
            ) from error
        note = addresses.home / "up.json"
        _require_free_ports(addresses, patience=GOING_SECONDS if note.exists() else 0)
        note.write_text(json.dumps({"pid": os.getpid(), "port": addresses.port, "crm_port": addresses.crm_port}))
        try:
            yield
        finally:
            note.unlink(missing_ok=True)


def running_addresses(home: Path, host: str) -> Addresses | None:
    """Where the `up` of this home serves, by its own note; None where it left none."""
    try:
        note = json.loads((home / "up.json").read_text())
        return Addresses(home, host, int(note["port"]), int(note["crm_port"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _require_free_ports(addresses: Addresses, patience: float) -> None:
    """Raise `Failure` where another program listens on one of the ports, for longer than `patience` seconds."""
    end = time.monotonic() + patience
    for port, option, variable in (
        (addresses.port, "--port", "PORT"),
        (addresses.crm_port, "--crm-port", "CRM_PORT"),
    ):
        while not _is_free(addresses.host, port):
            if time.monotonic() >= end:
                raise Failure(
                    f"Port {port} is taken by another program. What to do: end that one, or choose another port: "
                    f"make run {variable}={port + 10} (rollkeeper up {option} {port + 10})."
                )
            time.sleep(0.2)


def answers(url: str) -> bool:
    """Whether a site answers 200 there."""
    try:
        with urllib.request.urlopen(url, timeout=ANSWER_SECONDS) as response:  # noqa: S310  # our own address
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except PermissionError as error:
            raise Failure(f"This user may not listen on port {port}. What to do: choose one above 1023.") from error
        except socket.gaierror as error:
            raise Failure(f"ROLLKEEPER_HOST is {host!r}, which is no address of this machine.") from error
        except OSError:
            return False
    return True


def _of_process(home: Path) -> str:
    try:
        return f" (process {json.loads((home / 'up.json').read_text())['pid']})"
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return ""
