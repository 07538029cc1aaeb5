"""The disk of the database is full in the middle of a sync: nothing was changed, the next one ends as ever (B9)."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from rollkeeper.postgres.embedded import EmbeddedServer, hold, release
from tests.fakes.memory_crm import Person
from tests.faults.reader import flaw, look
from tests.faults.victim import Errand
from tests.faults.workplace import Crm, Workplace, key
from tests.whole.installation import wait_until

pytestmark = pytest.mark.slow

DISK = "400m"
ROOM = 200_000  # bytes: what the sync writes takes more
PEOPLE = 2_000


@pytest.fixture(scope="module")
def small_disk() -> Iterator[Workplace]:
    """A site whose home, with PostgreSQL in it, is on a file system of its own."""
    home = Path(tempfile.mkdtemp(prefix="rollkeeper-small-"))
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK},mode=755", "tmpfs", str(home)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        home.rmdir()
        pytest.skip("This user may not mount a file system.")
    try:
        hold(home)
        place = Workplace(home)
        place.crm = crowd("First")
        yield place
        place.close()
        release(home)
        EmbeddedServer(home).stop("immediate")
    finally:
        subprocess.run(["umount", "--lazy", str(home)], check=True)
        home.rmdir()


def crowd(name: str) -> Crm:
    people = {key(n): Person(f"{n}@example.org", name, f"{name} {n} " * 30) for n in range(PEOPLE)}
    return Crm(people, {"ALL": set(people), "HALF": set()}, (), batch_size=500)


@contextmanager
def full(home: Path) -> Iterator[None]:
    """Somebody else's file takes all of the disk but a little."""
    ballast = home / "ballast"
    try:
        with ballast.open("wb") as file:
            for _ in range((shutil.disk_usage(home).free - ROOM) // 100_000):
                file.write(bytes(100_000))
        yield
    finally:
        ballast.unlink()


@pytest.mark.parametrize("mode", ["first", "delta", "full"])
def test_a_sync_for_which_the_database_has_no_room_changes_nothing(small_disk: Workplace, mode: str) -> None:
    place, crm = small_disk, small_disk.crm
    place.put_back("catalog")
    if mode != "first":
        place.cleanly("ALL", crm)
        crm = crm.at(people=crowd("Second").people)
    before = place.state()
    with full(place.home):
        place.workers[0].begin(crm, Errand("ALL", full=mode == "full"))
        ended = place.workers[0].end(may_fail=True)
    assert ended.code == 1, ended
    wait_until(lambda: _answers(place), "the database is there again")
    assert place.state() == before
    message = place.connection.execute("SELECT message FROM sync_run ORDER BY id DESC LIMIT 1").fetchone()
    assert message is not None
    assert "is full. Nothing was changed. Make room" in message[0], message
    run = place.cleanly("ALL", crm)
    assert (run["identical"], run["mode"]) == (True, "full" if mode == "first" else "delta")
    seen = look(place.connection, "ALL")
    assert not flaw(seen)
    assert seen[3] == f"{crm.fingerprint('ALL'):032x}"


def _answers(place: Workplace) -> bool:
    try:
        place.connection.execute("SELECT 1")
    except psycopg.OperationalError:
        place.connect_again()
    return not place.connection.closed
