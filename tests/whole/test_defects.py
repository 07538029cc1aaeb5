"""Defects made by hand in both databases, over the real CRM: each is found, repaired and told (B1)."""

from __future__ import annotations

import csv
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.whole.installation import Installation, Ran

pytestmark = pytest.mark.slow

PEOPLE = 3_000
HEADER = ("master_customer_id", "sub_customer_id", "record_type", "first_name", "last_name", "label_name", "email",
          "allow_email", "allow_solicitation", "do_not_solicit", "status", "city")  # fmt: skip


@pytest.fixture(scope="module")
def installation() -> Iterator[Installation]:
    """A home of its own with three thousand people in one list, synced."""
    home = Path(tempfile.mkdtemp(prefix="rollkeeper-defects-"))
    home.chmod(0o755)  # the database server runs as a user of its own
    try:
        with Installation(home) as made:
            made.prepare()
            made.start_crm_site()
            imported(made, home, dict.fromkeys(range(PEOPLE), "Ann"))
            rule = home / "rule.json"
            rule.write_text(
                '{"combinator": "and", "rules": [{"field": "master_customer_id", "operator": "notNull"}]}'
            )
            done(made.run("crm", "save-list", "ALL", "--name", "All", "--rule", str(rule)))
            done(made.run("crm", "run-job", "MKT510", "--list", "ALL"))
            done(made.run("bridge", "refresh"))
            run = synced(made)
            assert (run["added"], run["identical"], run["defect"]) == (PEOPLE, True, "")
            yield made
    finally:
        shutil.rmtree(home, ignore_errors=True)


def done(ran: Ran) -> Ran:
    assert ran.code == 0, ran
    return ran


def imported(made: Installation, folder: Path, names: dict[int, str]) -> None:
    with (folder / "people.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        for number, name in names.items():
            writer.writerow(
                [
                    f"{number:08}",
                    "0",
                    "I",
                    name,
                    "Doe",
                    "",
                    f"p{number}@example.org",
                    "Y",
                    "Y",
                    "N",
                    "ACTIVE",
                    "Bonn",
                ]
            )
    done(made.run("crm", "import-constituents", str(folder / "people.csv")))


def synced(made: Installation, *options: str) -> Any:
    return done(made.run("sync", "ALL", *options, "--json")).json


def by_hand(made: Installation, site: Any, *statements: str) -> None:
    with made.database(site) as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount >= 1


def verified(made: Installation, *options: str, code: int = 0) -> Any:
    ran = made.run("verify", "ALL", *options, "--json")
    assert ran.code == code, ran
    return ran.json


DEFECTS = {
    "UPDATE subscriber SET first_name = 'X' WHERE master_customer_id = '00000042'": ("wrong_data", 1),
    "UPDATE subscriber SET hash_hi = 9 WHERE master_customer_id = '00000042'": ("wrong_data", 1),
    "UPDATE group_member SET hash_lo = 9 WHERE master_customer_id = '00001999'": ("wrong_memberships", 0),
    "DELETE FROM group_member WHERE master_customer_id = '00000000'": ("", 1),
    "UPDATE group_member SET master_customer_id = '00002x' WHERE master_customer_id = '00002999'": ("orphaned_memberships", 1),
}  # fmt: skip


@pytest.mark.parametrize("statement", DEFECTS)
def test_verify_finds_what_a_hand_did_and_repairs_it_by_a_sync_that_says_so(
    installation: Installation, statement: str
) -> None:
    kind, rows = DEFECTS[statement]
    by_hand(installation, "marketing", statement)
    found = verified(installation, code=1)
    assert (found["identical"], found["repair"]) == (False, None)
    assert found["findings"]
    assert not kind or found["here"][kind] == 1
    repair = verified(installation, "--repair")["repair"]
    assert (repair["repaired"], repair["identical"], repair["received"]) == (rows, True, rows)
    assert "something other than a sync wrote" in repair["defect"]
    assert verified(installation)["findings"] == []


def test_the_next_sync_that_compares_every_row_finds_what_a_hand_did(installation: Installation) -> None:
    by_hand(installation, "marketing", "DELETE FROM group_member WHERE master_customer_id = '00000007'")
    assert synced(installation)["mode"] == "unchanged"  # nothing said so
    run = synced(installation, "--full")
    assert (run["repaired"], run["added"], run["identical"]) == (1, 1, True)
    assert "something other than a sync wrote" in run["defect"]


def test_a_change_that_the_crm_forgot_to_tell_is_found_by_the_next_sync(installation: Installation) -> None:
    imported(installation, installation.home, {77: "Forgotten", 78: "Told"})
    done(installation.run("crm", "export-list", "ALL", "--format", "csv", "-o", str(installation.home / "all.csv")))
    by_hand(installation, "crm", "UPDATE profile SET changed_xid = '5'::xid8 WHERE master_customer_id = '00000077'")
    run = synced(installation)
    assert (run["mode"], run["received"], run["updated"], run["repaired"]) == ("delta", 2, 2, 1)
    assert run["identical"]
    assert "the CRM had left them out" in run["defect"]
    assert synced(installation)["defect"] == ""
    assert verified(installation)["identical"]


def test_a_crm_that_keeps_a_wrong_fingerprint_is_told_so_and_can_compute_it_anew(
    installation: Installation,
) -> None:
    by_hand(installation, "crm", "UPDATE list_state SET fingerprint = mod(fingerprint + 12345, 2::numeric ^ 128), "
            "changed_xid = pg_current_xact_id()")  # fmt: skip
    run = synced(installation)
    assert (run["repaired"], run["identical"]) == (0, True)
    assert "The CRM contradicts itself" in run["defect"]
    assert "still contradicts itself" in synced(installation)["defect"]
    found = verified(installation, code=1)
    assert (found["crm"]["consistent"], found["here"]["wrong_data"], found["different"]) == (False, 0, 0)
    verified(installation, "--repair")
    assert synced(installation)["defect"] == ""
    assert verified(installation)["crm"]["consistent"]


def test_verify_says_when_the_crm_does_not_answer(installation: Installation) -> None:
    installation.end_crm_site()
    try:
        assert "rollkeeper up" in verified(installation, code=4)["error"]
    finally:
        installation.start_crm_site()
