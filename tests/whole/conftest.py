from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.home import HOME
from tests.whole.installation import Installation


@pytest.fixture(scope="session")
def installation() -> Iterator[Installation]:
    """Both sites over the PostgreSQL server of this test run, and the CRM site serving."""
    with Installation(Path(HOME), os.environ.get("ROLLKEEPER_POSTGRES_URL")) as made:
        crm, marketing = made.driver("crm"), made.driver("marketing")  # each makes its site's tables, at once
        token = crm("new_token")
        made.start_crm_site()
        marketing("join_to_crm", url=made.crm_url, token=token)
        yield made
