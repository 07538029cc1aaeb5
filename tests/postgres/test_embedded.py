"""The embedded server: one a home, up while somebody uses it, started again after any death. (spec/architecture.md)"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from rollkeeper.postgres.embedded import SOCKET_PATH_LIMIT, EmbeddedServer, PostgresNotStarted

pytestmark = pytest.mark.slow

HOLD = """
import sys
from pathlib import Path
from rollkeeper.postgres.embedded import hold
hold(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def make_home() -> Path:
    home = Path(tempfile.mkdtemp(prefix="rollkeeper-embedded-"))
    home.chmod(0o755)
    return home


@pytest.fixture
def home() -> Iterator[Path]:
    home = make_home()
    yield home
    EmbeddedServer(home).stop("immediate")
    shutil.rmtree(home)


@pytest.fixture
def holders() -> Iterator[list[subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            assert pipe is not None
            pipe.close()


def start_holder(home: Path, holders: list[subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    """A process that uses the home's server until its standard input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    holders.append(process)
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    return process


def leave(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    process.wait(timeout=60)


def write_a_row(server: EmbeddedServer, row: int) -> None:
    with psycopg.connect(server.url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept (row int)")
        connection.execute("INSERT INTO kept VALUES (%s)", [row])


def rows(server: EmbeddedServer) -> list[int]:
    with psycopg.connect(server.url) as connection:
        return [row for (row,) in connection.execute("SELECT row FROM kept ORDER BY row").fetchall()]


def test_the_last_process_to_leave_stops_the_server(home: Path, holders: list[subprocess.Popen[bytes]]) -> None:
    first, second = start_holder(home, holders), start_holder(home, holders)
    leave(first)
    assert EmbeddedServer(home).is_running()
    leave(second)
    assert not EmbeddedServer(home).is_running()


def test_a_holder_that_is_killed_leaves_nothing_to_clean_up(
    home: Path, holders: list[subprocess.Popen[bytes]]
) -> None:
    first = start_holder(home, holders)
    write_a_row(EmbeddedServer(home), 1)
    first.kill()
    first.wait()
    second = start_holder(home, holders)
    assert rows(EmbeddedServer(home)) == [1]
    leave(second)
    assert not EmbeddedServer(home).is_running()


def test_a_server_that_was_cut_off_starts_again_with_what_was_committed(home: Path) -> None:
    server = EmbeddedServer(home)
    server.start()
    write_a_row(server, 1)
    server.stop("immediate")
    server.start()
    assert rows(server) == [1]


def test_a_server_that_was_killed_starts_again_with_what_was_committed(home: Path) -> None:
    server = EmbeddedServer(home)
    server.start()
    write_a_row(server, 1)
    os.kill(int((server.data / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)
    deadline = time.monotonic() + 10
    while server.is_running():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    server.start()
    assert rows(server) == [1]


def test_a_note_of_a_process_that_is_something_else_by_now_does_not_count(home: Path) -> None:
    server = EmbeddedServer(home)
    server.start()
    server.stop()
    (server.data / "postmaster.pid").write_text(f"{os.getpid()}\n{server.data}\n0\n5432\n\n\n0 0\nready\n")
    assert not server.is_running()


def test_two_homes_do_not_disturb_each_other(home: Path) -> None:
    other_home = make_home()
    one, other = EmbeddedServer(home), EmbeddedServer(other_home)
    try:
        one.start()
        other.start()
        write_a_row(one, 1)
        write_a_row(other, 2)
        other.stop("immediate")
        assert rows(one) == [1]
        assert not other.is_running()
    finally:
        other.stop("immediate")
        shutil.rmtree(other_home)


def test_a_home_with_a_long_path_has_its_socket_elsewhere(home: Path) -> None:
    server = EmbeddedServer(home / ("a-long-name-" * 9))
    assert len(os.fsencode(server.socket_folder)) < SOCKET_PATH_LIMIT
    try:
        server.start()
        write_a_row(server, 1)
        assert rows(server) == [1]
    finally:
        server.stop("immediate")
        shutil.rmtree(server.socket_folder)


def test_a_server_that_cannot_start_says_why_and_what_to_do(home: Path) -> None:
    server = EmbeddedServer(home)
    server.start()
    server.stop()
    with (server.data / "postgresql.conf").open("a") as file:
        file.write("shared_buffers = 'a lot'\n")
    with pytest.raises(PostgresNotStarted) as caught:
        server.start()
    assert "shared_buffers" in str(caught.value)
    assert "What to do:" in str(caught.value)
    assert str(server.log) in str(caught.value)
