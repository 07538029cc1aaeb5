"""`rollkeeper crm schedule …` as a black box."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import psycopg
import pytest
from psycopg import sql

from rollkeeper.postgres.server import server_url

pytestmark = pytest.mark.slow

DATABASE = f"schedule_commands_{os.getpid()}"


@pytest.fixture(scope="module")
def crm() -> Iterator[None]:
    yield
    with psycopg.connect(server_url(), autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(DATABASE)))


def run(*arguments: str) -> tuple[int, str, str]:
    done = subprocess.run(
        [sys.executable, "-m", "rollkeeper.cli.main", "crm", *arguments],
        env={**os.environ, "ROLLKEEPER_CRM_DATABASE": DATABASE, "ROLLKEEPER_TIME_ZONE": "Europe/Berlin"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


def test_schedules_are_made_changed_paused_resumed_and_listed(crm: None) -> None:
    assert run("schedules", "--json")[:2] == (0, "[]\n")
    code, out, _ = run(
        "schedule", "DAILY", "--rule", "FREQ=DAILY;BYHOUR=2;BYMINUTE=30", "--begin", "2030-03-31", "--json"
    )
    made = json.loads(out)
    assert code == 0
    assert made["pattern"] == "Every day at 02:30."
    assert (made["time_zone"], made["state"]) == ("Europe/Berlin", "active")
    assert made["next_run"] == "2030-03-31T01:00:00+00:00", (
        "the clock is put on: the next minute that it has is 03:00"
    )
    code, out, _ = run("schedule", "DAILY", "--rule", "FREQ=MONTHLY;BYMONTHDAY=-1;BYHOUR=3", "--end", "2199-01-01")
    assert (code, out.startswith("MKT600 DAILY: Every month on the last day at 03:00. From")) == (0, True)
    assert json.loads(run("pause-schedule", "DAILY", "--json")[1])["state"] == "paused"
    assert json.loads(run("schedules", "--json")[1])[0]["next_run"] is None
    assert json.loads(run("resume-schedule", "DAILY", "--json")[1])["state"] == "active"
    code, out, _ = run("schedules")
    assert "Every month on the last day at 03:00." in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("schedule", "DAILY", "--rule", "FREQ=SOMETIMES"), "FREQ is one of"),
        (("schedule", "DAILY", "--rule", "FREQ=DAILY;BYHOUR=2", "--end", "2020-01-01"), "before the Begin date"),
        (("schedule", "NOPE", "--rule", "FREQ=DAILY;BYHOUR=2"), "no set-up code 'NOPE'"),
        (("schedule", "DAILY", "--rule", "FREQ=DAILY;BYHOUR=2", "--time-zone", "Mars"), "no time zone 'Mars'"),
        (("pause-schedule", "NOPE"), "NOPE has no schedule"),
        (("resume-schedule", "NOPE"), "NOPE has no schedule"),
    ],
)
def test_what_is_refused_is_exit_code_1_with_a_sentence(crm: None, arguments: tuple[str, ...], says: str) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (1, "")
    assert says in err


def test_a_date_that_is_none_is_wrong_usage(crm: None) -> None:
    assert run("schedule", "DAILY", "--rule", "FREQ=DAILY;BYHOUR=2", "--begin", "tomorrow")[0] == 2
