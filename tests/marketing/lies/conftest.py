from __future__ import annotations

from collections.abc import Iterator

import pytest

from rollkeeper.connectors import rollkeeper_crm
from rollkeeper.marketing.target_groups.models import TargetGroup
from tests.fakes.lying_crm import LyingCrm
from tests.marketing.lies.lied_to import group_behind, liar


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollkeeper_crm.Connector, "silence_seconds", 0.3)
    monkeypatch.setattr(rollkeeper_crm.Connector, "retry_pauses", (0.0, 0.0))


@pytest.fixture
def crm() -> Iterator[LyingCrm]:
    with liar() as running:
        yield running


@pytest.fixture
def group(crm: LyingCrm) -> TargetGroup:
    return group_behind(crm)
