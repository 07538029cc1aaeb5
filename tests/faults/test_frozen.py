"""A process that freezes and wakes: its successor has written by then, and it must not (B9, spec/work.md)."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import psutil
import pytest

from tests.faults.association import LIST, Association
from tests.whole.installation import Driver, wait_until

pytestmark = pytest.mark.slow

PATIENCE = 1.0  # seconds without a heartbeat, in place of thirty
SHORT = 6.0  # the same where a heart beats, once a second, on a machine with other things to do


@pytest.fixture
def frozen(synced: Association) -> Iterator[Driver]:
    driver = synced.installation.driver("marketing")
    yield driver
    driver.process.send_signal(signal.SIGCONT)
    synced.installation.drivers.remove(driver)
    driver.end()


def is_stopped(driver: Driver) -> bool:
    return bool(psutil.Process(driver.process.pid).status() == psutil.STATUS_STOPPED)


@pytest.mark.parametrize("step", ["apply", "_check_charge", "_update_subscribers", "_hold"])
def test_a_frozen_sync_that_wakes_does_not_write_over_its_successor(
    synced: Association, frozen: Driver, step: str
) -> None:
    synced.change()
    frozen("stop_before", step=step)
    frozen.ask("sync", code=LIST)
    wait_until(lambda: is_stopped(frozen), f"it froze before {step}")
    late, _ = synced.newest_run()
    synced.change()  # what the frozen one has read is old now
    synced.marketing("patience", seconds=PATIENCE)
    successor = wait_until(lambda: _completed(synced), "the successor took over", pause=0.2)
    assert successor["identical"]
    after = synced.look()
    synced.assert_group_is_list()
    with synced.watched():
        frozen.process.send_signal(signal.SIGCONT)
        woken = frozen.answer()
    assert woken["run"] == late
    assert woken["status"] == "failed"
    assert woken["exit_code"] == 5
    assert synced.look() == after
    synced.assert_group_is_list()


def _completed(synced: Association) -> dict[str, object] | None:
    run = synced.marketing("sync", code=LIST)
    return run if run["status"] == "completed" else None


def test_fields_change_with_the_rows_that_came_under_them(synced: Association, frozen: Driver) -> None:
    """In the middle of a sync whose view has changed, a reader still sees the fields and the rows of before (B8)."""
    before = synced.marketing("exported", code=LIST)
    synced.crm("remove_field", name="note")
    synced.crm("add_field", name="first field now", source="constituent.label_name")
    frozen("stop_before", step="_hold")
    frozen.ask("sync", code=LIST)
    wait_until(lambda: is_stopped(frozen), "it froze with everything written, nothing committed")
    during = synced.marketing("exported", code=LIST)
    frozen.process.send_signal(signal.SIGCONT)
    assert frozen.answer()["identical"]
    assert during == before
    assert "first field now" in synced.marketing("exported", code=LIST)["columns"]
    synced.assert_group_is_list()


def test_a_slow_sync_that_lives_is_not_taken_over(synced: Association, frozen: Driver) -> None:
    """While it writes, for however long, its heart beats."""
    synced.change()
    frozen("wait_before", step="_update_subscribers", seconds=SHORT * 4)
    before, _ = synced.newest_run()
    frozen.ask("sync", code=LIST)
    wait_until(lambda: synced.newest_run() > (before, "zzz"), "it is at work")
    synced.marketing("patience", seconds=SHORT)
    for _ in range(2):
        time.sleep(SHORT + 1)
        assert synced.marketing("sync", code=LIST)["exit_code"] == 5
    assert frozen.answer()["status"] == "completed"
    synced.assert_group_is_list()
