"""Where PostgreSQL is, and what is said where it is not."""

from __future__ import annotations

import pytest

from rollkeeper.configuration import configuration
from rollkeeper.postgres.server import (
    PostgresUnusable,
    database_parameters,
    ensure_database,
    ensure_running,
    keep_running,
    parameters_to_url,
)


@pytest.fixture
def named_server(monkeypatch: pytest.MonkeyPatch) -> object:
    """Has `ROLLKEEPER_POSTGRES_URL` name a server that is not there."""
    monkeypatch.setenv(
        "ROLLKEEPER_POSTGRES_URL", "postgresql://somebody:secret@127.0.0.1:1/postgres?sslmode=disable"
    )
    configuration.cache_clear()
    yield
    monkeypatch.undo()
    configuration.cache_clear()


def test_the_parameters_of_a_site_name_its_own_database(named_server: object) -> None:
    crm, marketing = database_parameters("crm"), database_parameters("marketing")
    assert crm["dbname"] == "rollkeeper_crm"
    assert marketing["dbname"] == "rollkeeper_marketing"
    assert crm["host"] == "127.0.0.1"
    assert crm["sslmode"] == "disable"


def test_parameters_survive_being_written_as_one_url() -> None:
    url = parameters_to_url({"dbname": "a b", "host": "/run/x y", "password": "p&ss/w?rd"})
    assert url == "postgresql:///a%20b?host=%2Frun%2Fx%20y&password=p%26ss%2Fw%3Frd"


def test_a_named_server_that_is_down_is_named_with_what_to_do(named_server: object) -> None:
    with pytest.raises(PostgresUnusable) as caught:
        ensure_running()
    assert "ROLLKEEPER_POSTGRES_URL does not answer" in str(caught.value)
    assert "What to do:" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_named_server_is_never_started_from_here(named_server: object) -> None:
    assert not keep_running()


def test_making_a_database_twice_is_no_mistake() -> None:
    ensure_running()
    ensure_database("crm")
    ensure_database("crm")
