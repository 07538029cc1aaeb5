"""A disk that is full while a list is spooled: nothing was changed, and the message says what to do (B9)."""

from __future__ import annotations

import resource
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.faults.association import LIST, Association
from tests.whole.installation import Ran, ended

pytestmark = pytest.mark.slow

ROOM = 100_000  # bytes: the list takes more, and so do its changes


@contextmanager
def small_disk(synced: Association) -> Iterator[bool]:
    """A file system of its own, too small, in the place of the spool; False where this user may not mount."""
    spool = synced.folder / "spool"
    spool.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}", "tmpfs", str(spool)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        yield False
        return
    try:
        yield True
    finally:
        subprocess.run(["umount", str(spool)], check=True)


def limited(synced: Association) -> Ran:
    """A sync whose files cannot grow beyond the room."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, ROOM))

    return ended(synced.installation.start("sync", LIST, "--json", preexec_fn=limit))


def assert_full(ran: Ran) -> None:
    assert ran.code == 1
    assert "full" in ran.out
    assert "ake room" in ran.out
    assert "Traceback" not in ran.err


@pytest.mark.parametrize("by", ["a disk", "a limit"])
def test_a_sync_without_room_changes_nothing(synced: Association, by: str) -> None:
    synced.change()
    before = synced.look()
    with small_disk(synced) as is_small:
        ran = synced.sync() if by == "a disk" and is_small else limited(synced)
    assert_full(ran)
    assert synced.look() == before
    assert synced.sync().json["identical"]
    synced.assert_group_is_list()


def test_a_first_sync_without_room_changes_nothing(association: Association) -> None:
    association.never_synced()
    before = association.look()
    assert_full(limited(association))
    assert association.look() == before
    assert association.sync().json["identical"]
    association.assert_group_is_list()
