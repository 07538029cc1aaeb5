"""Schedules for the tests, made on 1 Dec 2026 at noon."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Any

import pytest

from rollkeeper.crm.jobs.models import SetupCode
from rollkeeper.crm.schedules.models import JobSchedule
from rollkeeper.crm.schedules.pattern import Pattern, Unit
from rollkeeper.crm.schedules.schedule import Draft, create_schedule

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
CODES = ("HOURLY", "DAILY", "WEEKLY", "MONTHLY")


@pytest.fixture
def setup_codes(db: None) -> None:
    """Those of a fresh installation (a test that commits takes them away)."""
    make_setup_codes()


def make_setup_codes() -> None:
    for code in CODES:
        SetupCode.objects.get_or_create(code=code, defaults={"frequency": code})


def draft(**changed: Any) -> Draft:
    """Every day at two, UTC, from 1 Dec 2026 on, but for what is changed."""
    made: dict[str, Any] = {
        "pattern": Pattern(Unit.DAY, times=(time(2),)),
        "time_zone": "UTC",
        "begin": date(2026, 12, 1),
        "end": None,
    }
    return Draft(**{**made, **changed})


def scheduled(setup_code: str, made: Draft | None = None, now: datetime = NOW) -> JobSchedule:
    return create_schedule(setup_code, made or draft(), author="ana", origin="test", now=now)
