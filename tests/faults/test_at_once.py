"""Syncs at the same time: of one group, one works; of groups that share people, all do (B8, spec/work.md)."""

from __future__ import annotations

import signal

import psutil
import pytest

from tests.faults.association import LIST, Association
from tests.whole.installation import ended, wait_until

pytestmark = pytest.mark.slow

SHARING = {"FIRST": "3", "SECOND": "5", "THIRD": "7"}  # lists by whom they leave out


def test_a_second_sync_of_a_group_at_work_is_told_so(synced: Association) -> None:
    synced.change()
    holder = synced.installation.driver("marketing")
    holder("stop_before", step="apply")
    holder.ask("sync", code=LIST)
    try:
        wait_until(lambda: psutil.Process(holder.process.pid).status() == psutil.STATUS_STOPPED, "it is at work")
        second = synced.sync()
    finally:
        holder.process.send_signal(signal.SIGCONT)
    assert second.code == 5
    assert second.json["status"] == "skipped"
    assert "at work" in second.json["message"]
    assert holder.answer()["status"] == "completed"
    synced.assert_group_is_list()


def test_two_syncs_of_one_group_started_together_end_as_one_does(synced: Association) -> None:
    synced.change()
    with synced.watched():
        both = [synced.installation.start("sync", LIST, "--json") for _ in range(2)]
        ran = [ended(process) for process in both]
    assert sorted(each.code for each in ran) in ([0, 0], [0, 5])
    synced.assert_group_is_list()


def test_syncs_of_groups_that_share_people_do_not_wait_for_ever(synced: Association) -> None:
    for code, chapter in SHARING.items():
        rule = {
            "combinator": "and",
            "rules": [{"field": "chapter", "operator": "!=", "value": f"Chapter {chapter}"}],
        }
        synced.crm("save_list", code=code, name=code, rule=rule)
        synced.regenerate(code)
    assert synced.marketing("refresh")["status"] == "completed"
    for _ in range(3):
        processes = [synced.installation.start("sync", code, "--json") for code in (*SHARING, LIST)]
        ran = [ended(process) for process in processes]
        assert [each.code for each in ran] == [0] * 4, ran
        # One that pulled first may have been passed by a change that the next ones brought; once more, in quiet.
        for code in (*SHARING, LIST):
            synced.assert_group_is_list(code)
        synced.change()
        for code in SHARING:
            synced.regenerate(code)
