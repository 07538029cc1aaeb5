"""The tables are what the models say."""

from __future__ import annotations

import pytest

from tests.migrations import models_without_a_migration, rows_left_after_migrating


@pytest.mark.django_db
def test_every_model_has_its_migration() -> None:
    assert models_without_a_migration() == ""


def test_migrations_run_forward_on_a_database_with_data_in_it() -> None:
    assert rows_left_after_migrating("crm") == [50, 10]
