"""What cannot work says so in a sentence, with what to do, and nothing else on standard output than JSON."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path

import pytest

from tests.cli.installation import COMMAND, Installation, free_port

pytestmark = pytest.mark.slow


def test_a_wrong_setting_is_named(installation: Installation) -> None:
    done = installation.run("runs", ROLLKEEPER_PORT="eighty")
    assert done.returncode == 1
    assert "ROLLKEEPER_PORT" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_home_that_is_a_file_is_named(installation: Installation, tmp_path: Path) -> None:
    file = tmp_path / "a-file"
    file.touch()
    for arguments in (("runs",), ("up", "--port", str(free_port()), "--crm-port", str(free_port()))):
        done = installation.run(*arguments, ROLLKEEPER_HOME=str(file))
        assert done.returncode == 1
        assert str(file) in done.stderr
        assert "ROLLKEEPER_HOME" in done.stderr
        assert "Traceback" not in done.stderr


def test_a_server_of_ones_own_that_is_down_is_named(installation: Installation) -> None:
    done = installation.run("runs", "--json", ROLLKEEPER_POSTGRES_URL="postgresql://x@127.0.0.1:1/postgres")
    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert document["exit_code"] == 1
    assert "ROLLKEEPER_POSTGRES_URL does not answer" in document["error"]
    assert "What to do:" in done.stderr


def test_a_taken_port_is_named_and_nothing_is_started(installation: Installation) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", installation.port))
        other.listen()
        done = installation.run(
            "up", "--no-browser", "--port", str(installation.port), "--crm-port", str(installation.crm_port)
        )
    assert done.returncode == 1
    assert f"Port {installation.port} is taken" in done.stderr
    assert "make run PORT=" in done.stderr
    assert not (installation.home / "postgres").exists()
    assert not installation.processes()


def test_a_postgresql_that_does_not_start_is_explained(installation: Installation) -> None:
    assert installation.run("runs").returncode == 0
    with (installation.home / "postgres" / "postgresql.conf").open("a") as file:
        file.write("shared_buffers = 'a lot'\n")
    done = installation.run("runs")
    assert done.returncode == 1
    assert "The embedded PostgreSQL does not start" in done.stderr
    assert "shared_buffers" in done.stderr
    assert "What to do:" in done.stderr


def test_in_an_unused_home_the_commands_work_and_check_says_what_is_missing(installation: Installation) -> None:
    assert installation.answer("runs") == []
    found = installation.answer("check", code=1)
    wrong = {each["what"]: each["what_to_do"] for each in found["checks"] if not each["ok"]}
    assert {"CRM site", "Marketing site", "marketing worker", "Bridges"} <= set(wrong)
    assert all(wrong.values())
    refused = installation.answer("sync", "NOPE", code=1)
    assert "no target group of a list 'NOPE'" in refused["error"]
    assert not installation.processes()  # the last to leave stops PostgreSQL


def test_who_reads_no_further_gets_no_complaint(installation: Installation) -> None:
    installation.run("runs")
    process = subprocess.Popen(
        [COMMAND, "runs", "--json"],
        env=installation.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    with process.stderr as stderr:
        assert stderr.read() == b""
    process.wait()
