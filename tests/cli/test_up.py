"""`up`: everything starts, stays up, and ends together. (spec/interface.md, Set-up)"""

from __future__ import annotations

import json
import re
import signal

import psutil
import pytest

from tests.cli.installation import END_SECONDS, Installation, free_port, until

pytestmark = pytest.mark.slow


def test_a_first_start_a_second_and_what_dies_between(installation: Installation) -> None:
    """One long story, because each start takes seconds."""
    installation.start("none")
    lines = installation.printed().strip().splitlines()
    assert f"http://127.0.0.1:{installation.port} " in lines[-4]
    assert f"http://127.0.0.1:{installation.crm_port} " in lines[-3]
    assert all(re.search(r"administrator, password \S{20}$", line) for line in lines[-4:-2])
    assert installation.answers(installation.port)
    assert installation.answers(installation.crm_port)
    assert json.loads((installation.home / "up.json").read_text())["crm_port"] == installation.crm_port

    until(lambda: installation.run("check").returncode == 0, 60, "the workers too are at work")

    again = installation.run("up", "--port", str(free_port()), "--crm-port", str(free_port()))
    assert again.returncode == 1
    assert "up already" in again.stderr

    _each_that_is_killed_comes_back(installation)

    assert installation.stop(signal.SIGINT) == 0
    assert not installation.processes()
    assert not (installation.home / "up.json").exists()

    installation.crm_port = free_port()  # the bridge must follow
    installation.start("none")
    assert not re.search(r"password \S{20}$", installation.printed(), re.MULTILINE)
    (refreshed,) = installation.answer("bridge", "refresh")
    assert refreshed["status"] == "completed"

    assert installation.stop(signal.SIGTERM) == 0
    assert not installation.processes()


def _each_that_is_killed_comes_back(installation: Installation) -> None:
    for words, port in (
        (("site", "serve", "crm"), installation.crm_port),
        (("site", "serve", "marketing"), installation.port),
        (("work", "--site", "marketing"), None),
    ):
        killed = installation.child(*words)
        killed.kill()
        until(lambda killed=killed: not psutil.pid_exists(killed.pid), 10, "it is gone")
        until(lambda words=words: _is_back(installation, *words), 60, f"{words} is started again")
        if port is not None:
            until(lambda port=port: installation.answers(port), 60, f"{words} answers again")


def _is_back(installation: Installation, *words: str) -> bool:
    try:
        return bool(installation.child(*words))
    except ValueError:
        return False


def test_when_up_itself_is_killed_its_children_end_and_the_next_start_works(installation: Installation) -> None:
    installation.start("none")
    assert installation.up is not None
    installation.up.kill()
    installation.up.wait()
    until(lambda: not installation.processes(), END_SECONDS, "all children have ended")
    installation.start("none")
    until(lambda: installation.run("check").returncode == 0, 60, "everything is well again")


def test_a_lost_password_is_made_anew(installation: Installation) -> None:
    installation.run("runs")  # makes the marketing site's tables
    refused = installation.run("reset-password", "marketing")
    assert refused.returncode == 1
    assert "no user 'administrator'" in refused.stderr
