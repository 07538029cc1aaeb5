"""The commands that cross from one site to the other, as a black box. (spec/interface.md, Commands)"""

from __future__ import annotations

import csv
import json
import signal
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cli.installation import Installation

pytestmark = pytest.mark.slow

SYNC_KEYS = {
    "run", "event", "list", "status", "mode", "received", "added", "updated", "unchanged", "unsubscribed",
    "resubscribed", "removed", "set_aside", "held", "members", "crm_fingerprint", "stored_fingerprint", "identical",
    "list_as_of", "started_at", "seconds",
}  # fmt: skip
GROUP_LOCKS = 7_421_003  # the space of the locks in `sync_runs/charge.py`


def make_list(running: Installation, tmp_path: Path, code: str, ids: list[str]) -> None:
    """A list of these customers, built, known to the marketing site."""
    file = tmp_path / f"{code}.csv"
    file.write_text("".join(f"{master},0\n" for master in ids))
    assert running.run("crm", "save-list", code, "--name", code, "--ids", str(file)).returncode == 0
    assert running.run("crm", "run-job", "MKT510", "--list", code).returncode == 0
    assert running.run("bridge", "refresh").returncode == 0


def customers(running: Installation, tmp_path: Path, count: int) -> list[str]:
    """Some customer ids of the sample."""
    file = tmp_path / "all.csv"
    code = max(running.answer("crm", "lists"), key=lambda each: each["members"])["code"]
    assert running.run("crm", "export-list", code, "--format", "csv", "-o", str(file)).returncode == 0
    with file.open(newline="") as rows:
        found = [row["master_customer_id"] for row in csv.DictReader(rows) if row["sub_customer_id"] == "0"]
    return found[:count]


def test_the_first_start_has_synced_every_list_of_the_sample(running: Installation) -> None:
    lists = {each["code"]: each["members"] for each in running.first_lists}
    runs = [run for run in running.first_runs if run["list"]]
    assert len(lists) == 20
    assert {run["list"]: run["members"] for run in runs} == lists
    assert all(run["status"] == "completed" and run["identical"] for run in runs)  # B1


def test_a_sync_says_all_that_the_contract_names(running: Installation) -> None:
    code = running.answer("crm", "lists")[0]["code"]
    run = running.answer("sync", code)
    assert set(run) >= SYNC_KEYS
    assert run["event"] == "resync_count_details"  # S17
    assert run["status"] == "completed"
    assert run["received"] == run["added"] + run["updated"] + run["unchanged"] + run["set_aside"]
    assert run["identical"]
    assert run["crm_fingerprint"] == run["stored_fingerprint"]


def test_bridge_refresh_brings_new_lists(running: Installation, tmp_path: Path) -> None:
    make_list(running, tmp_path, "FRESH", customers(running, tmp_path, 5))
    (run,) = running.answer("bridge", "refresh")
    assert run["event"] == "refresh_bridge_configuration"  # S22
    assert run["status"] == "completed"
    assert running.answer("sync", "FRESH")["added"] == 5


def test_a_dry_run_counts_and_writes_nothing(running: Installation, tmp_path: Path) -> None:
    make_list(running, tmp_path, "PREVIEW", customers(running, tmp_path, 7))
    newest = running.answer("runs", "--limit", "1")
    preview = running.answer("sync", "PREVIEW", "--dry-run")
    assert preview["run"] is None
    assert set(preview) >= SYNC_KEYS
    assert (preview["added"], preview["members"]) == (7, 7)
    assert running.answer("runs", "--limit", "1") == newest
    assert running.answer("sync", "PREVIEW")["added"] == 7  # B4: what was previewed


def test_held_removals_are_exit_code_3_and_can_be_approved(running: Installation, tmp_path: Path) -> None:
    people = customers(running, tmp_path, 60)
    make_list(running, tmp_path, "SHRINKS", people)
    running.answer("sync", "SHRINKS")
    make_list(running, tmp_path, "SHRINKS", people[:20])
    held = running.answer("sync", "SHRINKS", code=3)  # B3
    assert (held["status"], held["held"], held["members"]) == ("held", 40, 60)
    why = running.answer("why", "SHRINKS", people[-1])
    assert (why["in"], why["reason"]) == (True, "held")
    approved = running.answer("sync", "SHRINKS", "--approve-held")
    assert (approved["status"], approved["removed"], approved["members"]) == ("completed", 40, 20)


def test_a_preview_is_applied_by_its_number_or_refused_when_the_list_moved(
    running: Installation, tmp_path: Path
) -> None:  # B4
    people = customers(running, tmp_path, 12)
    make_list(running, tmp_path, "APPLIED", people[:6])
    number = running.answer("sync", "APPLIED", "--dry-run")["preview"]
    applied = running.answer("sync", "APPLIED", "--preview", str(number))
    assert (applied["preview"], applied["status"], applied["added"]) == (number, "completed", 6)
    again = running.answer("sync", "APPLIED", "--preview", str(number), code=1)
    assert (again["status"], again["added"]) == ("skipped", 0)
    assert "Make a new preview" in again["message"]
    number = running.answer("sync", "APPLIED", "--dry-run")["preview"]
    make_list(running, tmp_path, "APPLIED", people)
    assert running.answer("sync", "APPLIED", "--preview", str(number), code=1)["status"] == "skipped"
    assert "no preview 999999" in running.answer("sync", "APPLIED", "--preview", "999999", code=1)["error"]


def test_held_removals_are_shown_discarded_and_approved(running: Installation, tmp_path: Path) -> None:  # B3
    people = customers(running, tmp_path, 60)
    make_list(running, tmp_path, "HOLDS", people)
    running.answer("sync", "HOLDS")
    make_list(running, tmp_path, "HOLDS", people[:20])
    running.answer("sync", "HOLDS", code=3)
    file = tmp_path / "held.csv"
    held = running.answer("held", "HOLDS", "--limit", "3", "-o", str(file))
    assert (held["held"], held["members"], held["list_members"], len(held["people"])) == (40, 60, 20, 3)
    with file.open(newline="") as rows:
        assert {row["master_customer_id"] for row in csv.DictReader(rows)} == set(people[20:])
    assert running.answer("held", "HOLDS", "--discard")["discarded"] == 40
    assert running.answer("held", "HOLDS")["held"] == 0
    assert "holds no removals" in running.answer("held", "HOLDS", "--approve", code=1)["error"]
    assert running.answer("sync", "HOLDS", code=3)["mode"] == "full"  # it asks again
    approved = running.answer("held", "HOLDS", "--approve")
    assert (approved["status"], approved["removed"], approved["members"]) == ("completed", 40, 20)


def test_a_group_that_is_being_synced_is_exit_code_5(running: Installation) -> None:
    code = running.answer("crm", "lists")[0]["code"]
    url = f"postgresql://postgres@/rollkeeper_marketing?host={running.home / 'socket'}"
    with psycopg.connect(url, autocommit=True) as holder:
        row = holder.execute("SELECT id, count_members FROM target_group WHERE code = %s", [code]).fetchone()
        assert row is not None
        assert row[1]
        holder.execute("SELECT pg_advisory_lock(%s, %s)", [GROUP_LOCKS, row[0]])
        busy = running.answer("sync", code, code=5)
    assert (busy["status"], busy["received"], busy["members"]) == ("skipped", 0, row[1])
    assert running.answer("sync", code)["status"] == "completed"


def test_export_group_writes_status_and_fields_in_order_of_customer_id(
    running: Installation, tmp_path: Path
) -> None:
    code = running.answer("crm", "lists")[0]["code"]
    file = tmp_path / "group.csv"
    done = running.answer("export-group", code, "--format", "csv", "-o", str(file))
    with file.open(newline="") as rows:
        found = list(csv.DictReader(rows))
    assert list(found[0])[:6] == [
        "master_customer_id", "sub_customer_id", "email", "first_name", "last_name", "status",
    ]  # fmt: skip
    keys = [(row["master_customer_id"], row["sub_customer_id"]) for row in found]
    assert keys == sorted(keys)
    assert len(found) == done["rows"] == running.answer("sync", code)["members"]
    parquet = tmp_path / "group.parquet"
    assert running.answer("export-group", code, "--format", "parquet", "-o", str(parquet))["rows"] == len(found)
    assert parquet.read_bytes()[:4] == b"PAR1"


def test_export_group_tells_the_audience_as_a_past_run_left_it(running: Installation, tmp_path: Path) -> None:
    """B6"""
    people = customers(running, tmp_path, 4)
    make_list(running, tmp_path, "THEN", people[:3])
    run = running.answer("sync", "THEN")["run"]
    file, past = tmp_path / "now.csv", tmp_path / "then.csv"
    running.answer("export-group", "THEN", "-o", str(file))
    make_list(running, tmp_path, "THEN", people[2:])
    running.answer("sync", "THEN", "--approve-held")
    told = running.answer("export-group", "THEN", "-o", str(past), "--as-of", str(run))
    assert told == {"list": "THEN", "format": "csv", "file": str(past), "rows": 3, "as_of_run": run}
    assert past.read_bytes() == file.read_bytes()
    refused = running.answer("export-group", "THEN", "-o", str(past), "--as-of", "99999999", code=1)
    assert "There is no run 99999999" in refused["error"]
    assert running.answer("purge") == {"months": None, "runs": 0, "changes": 0}
    assert running.answer("purge", "--months", "12") == {"months": 12, "runs": 0, "changes": 0}


def test_export_to_where_nothing_can_be_written_says_so(running: Installation) -> None:
    code = running.answer("crm", "lists")[0]["code"]
    refused = running.answer("export-group", code, "-o", "/nowhere/group.csv", code=1)
    assert "/nowhere/group.csv cannot be written" in refused["error"]


def test_why_follows_one_person_from_list_to_mailing(running: Installation, tmp_path: Path) -> None:
    people = customers(running, tmp_path, 4)
    make_list(running, tmp_path, "WHY", people[:3])
    running.answer("sync", "WHY")
    inside = running.answer("why", "WHY", people[0])
    assert inside["in"] is True
    assert [step["question"] for step in inside["steps"]][:3] == [
        "Does the CRM know the person?",
        "Is the person in list WHY at the CRM?",
        "Is the person in the target group?",
    ]
    outside = running.answer("why", "WHY", people[3], "0")
    assert (outside["in"], outside["receives"], outside["reason"]) == (False, False, "not_in_list")
    nobody = running.answer("why", "WHY", "no such person")
    assert nobody["steps"][0]["answer"] is False


def test_do_not_solicit_unsubscribes_and_why_names_the_flag(running: Installation, tmp_path: Path) -> None:
    """S7: the person comes over all the same, unsubscribed, and stays a member."""
    file = tmp_path / "people.csv"
    header = (
        "master_customer_id,sub_customer_id,record_type,first_name,last_name,label_name,email,"
        "allow_email,allow_solicitation,do_not_solicit,status\n"
    )
    person = "MADE-UP-1,0,I,Made,Up,Made Up,made-up-1@example.org,Y,Y,{},ACTIVE\n"
    file.write_text(header + person.format("N"))
    assert running.run("crm", "import-constituents", str(file)).returncode == 0
    make_list(running, tmp_path, "FLAGS", ["MADE-UP-1"])
    assert running.answer("sync", "FLAGS")["members"] == 1
    file.write_text(header + person.format("Y"))
    assert running.run("crm", "import-constituents", str(file)).returncode == 0
    run = running.answer("sync", "FLAGS")
    assert (run["unsubscribed"], run["removed"], run["members"]) == (1, 0, 1)
    why = running.answer("why", "FLAGS", "MADE-UP-1")
    assert (why["in"], why["receives"], why["reason"]) == (True, False, "email_not_allowed")
    assert why["status"] == "Unsubscribed from remote system"
    assert any("Do Not Solicit by Email" in step["detail"] for step in why["steps"])


def test_people_get_lines_and_machines_get_json(running: Installation) -> None:
    code = running.answer("crm", "lists")[0]["code"]
    done = running.run("sync", code)
    assert done.stdout.startswith(f"{code}: completed")
    assert "identical to the CRM" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr  # no colours where no terminal is
    assert running.run("runs", "--limit", "3").stdout.count("\n") == 4


def test_when_the_crm_site_is_down_the_exit_code_is_4_and_nothing_changes(
    running: Installation, tmp_path: Path
) -> None:
    """The site is frozen out by ending it for good: `up` is stopped, the commands need no worker."""
    code = running.answer("crm", "lists")[0]["code"]
    before = _exported(running, code, tmp_path)
    running.stop(signal.SIGINT)
    try:
        for arguments in (("sync", code), ("sync", code, "--dry-run"), ("bridge", "refresh")):
            started = time.monotonic()
            done = running.run(*arguments, "--json")
            assert done.returncode == 4, done.stderr
            assert json.loads(done.stdout)
            assert "rollkeeper up" in done.stderr
            assert time.monotonic() - started < 60
        why: dict[str, Any] = running.answer("why", code, "00000001", code=4)
        assert why["steps"][0]["answer"] is None
        assert _exported(running, code, tmp_path) == before
    finally:
        running.start("small")


def _exported(running: Installation, code: str, tmp_path: Path) -> bytes:
    file = tmp_path / "exported.csv"
    running.answer("export-group", code, "-o", str(file))
    return file.read_bytes()
