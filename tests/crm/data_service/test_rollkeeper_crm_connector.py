"""The bundled CRM, really running, read through its connector."""

from __future__ import annotations

import pyarrow as pa
import pytest

from rollkeeper.connectors.rollkeeper_crm import Connector
from rollkeeper.crm.data_service.tokens import revoke
from rollkeeper.sync.connector import ListMissing, ListNotBuilt, PersonAtSource, SourceMisconfigured
from rollkeeper.sync.member import Field

from .association import BUILT_AT, FIELDS, add_constituent, build_list, set_view, unbuilt_list
from .conftest import HttpClient


@pytest.fixture
def connector(service: HttpClient) -> Connector:
    return Connector(url=service.url, account="", secret=service.token)


def test_members_come_as_they_are_in_the_crm(connector: Connector) -> None:
    set_view(*FIELDS)
    build_list("TX", [add_constituent(f"{number:08}", email=f"p{number}@example.org") for number in range(30)])
    with connector.members("TX") as pull:
        rows = pa.Table.from_batches(list(pull.batches()))
        closing = pull.closing()
    assert rows["master_customer_id"].to_pylist() == [f"{number:08}" for number in range(30)]
    assert [field.name for field in pull.fields] == ["city", "joined", "total"]
    assert (closing.rows, closing.as_of, closing.version) == (30, BUILT_AT, "1")


def test_the_catalog_has_built_and_unbuilt_lists_and_the_fields_in_order(connector: Connector) -> None:
    # S16, S25
    set_view(*FIELDS)
    build_list("TX", [add_constituent("1")], frequency="DAILY", name="Texas")
    unbuilt_list("NEW")
    catalog = connector.catalog()
    assert [(found.code, found.name, found.frequency, found.members) for found in catalog.lists] == [
        ("NEW", "List NEW", "NONE", 0),
        ("TX", "Texas", "DAILY", 1),
    ]
    assert [found.regenerated_at for found in catalog.lists] == [None, BUILT_AT]
    assert catalog.fields == tuple(Field(name, label, type_) for name, label, type_, _ in FIELDS)


def test_the_connection_test_says_what_it_found(connector: Connector) -> None:
    # S34
    set_view(*FIELDS)
    unbuilt_list("NEW")
    assert connector.test().endswith("1 marketing lists, 3 personalization fields.")


def test_a_list_that_is_gone_and_one_not_built_are_told_apart(connector: Connector) -> None:
    # S11, S29
    unbuilt_list("NEW")
    with pytest.raises(ListMissing, match="no list GONE"), connector.members("GONE"):
        pass
    sentence = "MKT510 has not built list NEW; run it in the CRM first"
    with pytest.raises(ListNotBuilt, match=sentence), connector.members("NEW"):
        pass


def test_an_account_with_the_token_as_password_is_as_good(service: HttpClient) -> None:
    assert "answers" in Connector(url=f"{service.url}/odata/", account="bridge", secret=service.token).test()


def test_a_revoked_token_is_a_matter_of_configuration(connector: Connector) -> None:
    revoke("test", BUILT_AT)
    with pytest.raises(SourceMisconfigured, match="refused the token"):
        connector.test()


def test_an_address_without_a_data_service_is_a_matter_of_configuration(service: HttpClient) -> None:
    with pytest.raises(SourceMisconfigured, match="no data service"):
        Connector(url=f"{service.url}/nowhere/", account="", secret=service.token).test()


def test_one_person_is_told_as_a_pull_would_tell_and_with_the_record(connector: Connector) -> None:
    # B5
    inside = add_constituent("00'1", email="in@example.org", allow_solicitation=False)
    add_constituent("2", "1", email="out@example.org", status="INACTIVE")
    build_list("TX", [inside])
    assert connector.person("TX", "00'1", "0") == PersonAtSource(
        in_list=True,
        as_of=BUILT_AT,
        record_status="ACTIVE",
        email="in@example.org",
        allow_email=False,
        denied_by="allow_solicitation",
    )
    outside = connector.person("TX", "2", "1")
    assert (outside.in_list, outside.record_status, outside.allow_email) == (False, "INACTIVE", True)
    stranger = connector.person("TX", "2", "0")
    assert (stranger.in_list, stranger.is_known, stranger.as_of) == (False, False, BUILT_AT)
    with pytest.raises(ListMissing):
        connector.person("GONE", "2", "0")
