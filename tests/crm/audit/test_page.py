"""Admin › Audit: what happened, whoever did it (B22)."""

from __future__ import annotations

import pytest
from django.test import Client

from rollkeeper.crm.audit.models import Action
from rollkeeper.crm.audit.record import FieldChange, record
from tests.crm.pages.association import Association
from tests.crm.pages.conftest import association, reader

__all__ = ["association", "reader"]
AUDIT = "/admin/audit/"


@pytest.fixture(autouse=True)
def lines(association: Association) -> None:
    record("constituent", association.ada.pk, "grace", "CRM360 page", [FieldChange("city", "Austin", "Dallas")])
    record("import", "people.csv", "mary", "command", [FieldChange("created", None, 2)], action=Action.CREATED)


def test_every_change_is_there_with_its_author_and_a_way_to_its_record(
    reader: Client, association: Association
) -> None:
    page = reader.get(AUDIT).content.decode()
    for words in (
        "grace",
        "CRM360 page",
        "Austin",
        "Dallas",
        "mary",
        "people.csv",
        f"/crm360/{association.ada.pk}/",
    ):
        assert words in page, words


def test_one_authors_changes_alone(reader: Client) -> None:
    page = reader.get(AUDIT, {"author": "grace"}).content.decode()
    assert "Dallas" in page
    assert "people.csv" not in page
    assert "changed nothing" in reader.get(AUDIT, {"author": "nobody\x00"}).content.decode()


def test_a_long_log_is_paged(reader: Client) -> None:
    for number in range(1000, 1060):  # of constituents that are no more
        record("constituent", number, "grace", "page", [FieldChange("city", "", f"City {number - 1000}")])
    first = reader.get(AUDIT).context
    assert "City 59" in str(first["entries"][0].change.changes)
    second = reader.get(AUDIT + first["page"].next_url).context
    assert len(first["entries"]) + len(second["entries"]) == 62
