"""The command line before it does anything: help, wrong usage, quick to answer."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.cli.installation import COMMAND

CONTRACT = ("up", "crm", "bridge", "sync", "runs", "export-group", "why", "purge", "work", "check")


def rollkeeper(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([COMMAND, *arguments], capture_output=True, text=True, check=False)


def test_help_names_every_command_of_the_contract() -> None:
    done = rollkeeper("--help")
    assert done.returncode == 0
    for name in CONTRACT:
        assert f"\n  {name} " in done.stdout


@pytest.mark.parametrize(
    "command",
    [*((name,) for name in CONTRACT), ("bridge", "refresh"), ("reset-password",), ("crm", "import-constituents")],
)
def test_each_command_explains_itself(command: tuple[str, ...]) -> None:
    done = rollkeeper(*command, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith(f"Usage: rollkeeper {' '.join(command)} ")


def test_help_loads_neither_django_nor_arrow() -> None:
    """`--help` and wrong usage answer at once because what a command needs is imported when it runs."""
    code = (
        "import sys\nfrom rollkeeper.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "print(sorted({'django', 'pyarrow', 'rich', 'pydantic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    "arguments",
    [("nope",), ("sync",), ("sync", "CODE", "--nope"), ("runs", "--limit", "0"), ("up", "--port", "99999"),
     ("up", "--sample", "huge"), ("export-group", "CODE", "--format", "xml", "-o", "x")],
)  # fmt: skip
def test_wrong_usage_is_exit_code_2_with_a_sentence(arguments: tuple[str, ...]) -> None:
    done = rollkeeper(*arguments)
    assert done.returncode == 2
    assert "Error:" in done.stderr
    assert done.stdout == ""


def test_both_sites_cannot_have_one_port() -> None:
    done = rollkeeper("up", "--port", "8444", "--crm-port", "8444")
    assert done.returncode == 2
    assert "Both sites cannot have port 8444" in done.stderr
