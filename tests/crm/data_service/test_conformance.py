"""The bundled CRM's connector through the suite, against the bundled CRM itself."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rollkeeper.crm.constituents.models import Constituent, EmailAddress
from rollkeeper.crm.lists.definition import save_list
from rollkeeper.crm.lists.models import MarketingList
from rollkeeper.crm.lists.regenerate import regenerate
from rollkeeper.sync.member import Field
from tests.conformance.ranges import RangesConformance
from tests.conformance.suite import ConnectorConformance, Row, Subject
from tests.conformance.test_rollkeeper_crm import ROWS, Hasty

from .association import FIELDS, add_constituent, build_list, set_view, unbuilt_list
from .conftest import HttpClient


class TestBundledCrm(ConnectorConformance, RangesConformance):
    @pytest.fixture
    def subject(self, service: HttpClient) -> Subject:
        set_view(*FIELDS)
        build_list("TX", [add_constituent(m, s, email=email, allow_email=allow) for m, s, email, allow in ROWS])
        build_list("EMPTY", [])
        build_list("O'Neil / (A)", [])
        unbuilt_list("NEW")
        return Subject(
            connector=Hasty(service.url, "", service.token),
            refused=Hasty(service.url, "", "rkt_wrong"),
            down=Hasty("http://127.0.0.1:9/", "", service.token),
            fields=tuple(Field(name, label, type_) for name, label, type_, _ in FIELDS),
            built="TX",
            rows=ROWS,
            empty="EMPTY",
            odd="O'Neil / (A)",
            unbuilt="NEW",
            change=change,
        )


def change(rows: Sequence[Row]) -> None:
    """Make the members of TX these: a list regenerated, addresses and permissions changed, as the CRM does it."""
    for master, sub, email, allow in rows:
        found = Constituent.objects.filter(master_customer_id=master, sub_customer_id=sub).first()
        person = found or add_constituent(master, sub, email=email)
        Constituent.objects.filter(pk=person.pk).update(allow_email=allow)
        if email is not None:
            EmailAddress.objects.filter(constituent=person).update(address=email)
    save_list("TX", "TX", ids=[(master, sub) for master, sub, *_ in rows])
    regenerate(MarketingList.objects.get(code="TX").pk)
