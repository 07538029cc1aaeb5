from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from rollkeeper.postgres.embedded import hold, release
from tests.faults.association import Association
from tests.faults.workplace import Workplace
from tests.whole.installation import Installation


@pytest.fixture(scope="session")
def association() -> Iterator[Association]:
    """A home of its own with a server of its own: here PostgreSQL itself is killed."""
    home = Path(tempfile.mkdtemp(prefix="rollkeeper-faults-"))
    home.chmod(0o755)  # the server's own user must be able to walk in
    hold(home)  # so that it runs from the first to the last
    try:
        with Installation(home) as installation:
            crm, marketing = installation.driver("crm"), installation.driver("marketing")
            token = crm("new_token")
            installation.start_crm_site()
            marketing("join_to_crm", url=installation.crm_url, token=token)
            made = Association(installation, crm, marketing, home)
            made.begin()
            yield made
    finally:
        release(home)
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def synced(association: Association) -> Association:
    """The association, its group as a clean sync leaves it."""
    if not association.installation.crm_site:
        association.installation.start_crm_site()
    association.never_synced()
    assert association.marketing("sync", code="BIG")["status"] == "completed"
    return association


@pytest.fixture(scope="session")
def workplace() -> Iterator[Workplace]:
    """A small site of its own, whose workers are killed by the hundred."""
    home = Path(tempfile.mkdtemp(prefix="rollkeeper-kills-"))
    home.chmod(0o755)
    hold(home)
    try:
        made = Workplace(home)
        yield made
        made.close()
    finally:
        release(home)
        shutil.rmtree(home, ignore_errors=True)


def pytest_configure(config: pytest.Config) -> None:
    os.environ.pop("ROLLKEEPER_POSTGRES_URL", None)
