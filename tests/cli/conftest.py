"""Installations for the tests of the command line."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.installation import Installation


@pytest.fixture
def installation() -> Iterator[Installation]:
    """A fresh one, not started."""
    with_home = Installation(_make_home())
    yield with_home
    _remove(with_home)


@pytest.fixture(scope="module")
def running() -> Iterator[Installation]:
    """One with the small sample that is up, for all tests of a module."""
    shared = Installation(_make_home())
    shared.start("small")
    shared.first_lists = shared.answer("crm", "lists")
    shared.first_runs = shared.answer("runs", "--limit", "500")
    yield shared
    _remove(shared)


def _make_home() -> Path:
    home = Path(tempfile.mkdtemp(prefix="rollkeeper-cli-"))
    home.chmod(0o755)
    return home


def _remove(installation: Installation) -> None:
    if installation.up is not None and installation.up.poll() is None:
        installation.stop()
    for process in installation.processes():
        process.kill()
    installation.output.unlink(missing_ok=True)
    shutil.rmtree(installation.home, ignore_errors=True)
