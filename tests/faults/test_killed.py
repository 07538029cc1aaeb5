"""kill -9 at any instant: the next sync ends where a clean run ends, and nobody saw anything between (B8, B9)."""

from __future__ import annotations

import signal
import subprocess
import time

import pytest

from rollkeeper.postgres.embedded import EmbeddedServer
from tests.faults.association import LIST, Association
from tests.whole.installation import ended, wait_until

pytestmark = pytest.mark.slow

FIRST, LATER = 10, 10  # kills
BREATH = 0.3  # seconds after the end of a clean run in which kills still fall


def instants(count: int, long: float) -> list[float]:
    """So many instants of a run, spread over it without a pattern (by the golden ratio)."""
    return [(number * 0.6180339887 + 0.05) % 1 * long for number in range(count)]


def started(association: Association) -> subprocess.Popen[str]:
    """A sync in a process of its own, at work."""
    before, _ = association.newest_run()
    process = association.installation.start("sync", LIST, "--json")
    wait_until(
        lambda: process.poll() is not None or association.newest_run() > (before, "zzz"),
        "the sync is at work", pause=0.005,
    )  # fmt: skip
    return process


def killed_at(association: Association, instant: float) -> None:
    process = started(association)
    time.sleep(instant)
    process.kill()
    ended(process)


def duration(association: Association) -> float:
    """Seconds from the start of a clean run to its end."""
    process = started(association)
    began = time.monotonic()
    assert ended(process).code == 0
    return time.monotonic() - began


def test_a_first_sync_killed_at_any_instant_is_all_or_nothing(association: Association) -> None:
    association.never_synced()
    long = duration(association) + BREATH
    association.never_synced()
    left = set()
    for instant in instants(FIRST, long):
        with association.watched():
            killed_at(association, instant)
        left.add(association.newest_run()[1])
        if association.look()[0]:  # the kill came after the end
            association.never_synced()
    with association.watched():
        assert association.sync().json["identical"]
    association.assert_group_is_list()
    assert "running" in left, "No kill fell into a run at work"
    assert association.runs()["running"] == 0  # what the dead left behind says so


def test_a_later_sync_killed_at_any_instant_is_all_or_nothing(synced: Association) -> None:
    synced.change()
    long = duration(synced) + BREATH
    for instant in instants(LATER, long):
        synced.change()
        with synced.watched():
            killed_at(synced, instant)
        with synced.watched():
            run = synced.sync().json
        assert run["status"] == "completed"
        assert run["identical"]
        synced.assert_group_is_list()
    assert synced.runs()["failed"], "No kill fell into a run at work"  # the next run said so of it


def test_the_crm_site_killed_in_the_middle_changes_nothing(synced: Association) -> None:
    """The site dies with the stream half sent; the reader is held back so that the half is sure."""
    outcomes = set()
    for instant in instants(5, 0.2):
        synced.change()
        with synced.watched():
            process = started(synced)
            time.sleep(instant)
            process.send_signal(signal.SIGSTOP)
            synced.installation.end_crm_site(signal.SIGKILL)
            process.send_signal(signal.SIGCONT)
            ran = ended(process)
        outcomes.add(ran.code)
        assert ran.code in {0, 4}
        if ran.code == 4:
            assert ran.json["message"].count(".") >= 1
            assert "Traceback" not in ran.err
        synced.installation.start_crm_site()
        assert synced.sync().json["identical"]
        synced.assert_group_is_list()
    assert 4 in outcomes, "The site never died in the middle of a sync"


def test_postgresql_stopped_at_once_in_the_middle_changes_nothing(synced: Association) -> None:
    server = EmbeddedServer(synced.folder)
    codes = set()
    for instant in instants(4, 0.5):
        synced.change()
        with synced.watched():
            process = started(synced)
            time.sleep(instant)
            server.stop("immediate")
            ran = ended(process)
            server.start()
        codes.add(ran.code)
        assert ran.code in {0, 1, 4}
        if ran.code:
            assert "What to do:" in ran.json.get("error", ran.json.get("message")), ran
            assert "Traceback" not in ran.err
        assert synced.sync().json["identical"]
        synced.assert_group_is_list()
    assert codes != {0}, "The server never stopped in the middle of a sync"
