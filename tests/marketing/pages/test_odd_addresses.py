"""Whatever stands in an address, a page answers: never with a fault of ours."""

from __future__ import annotations

import pytest
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.marketing.pages.population import Population, populate

HUGE = 10**30


@pytest.fixture
def made(db: None) -> Population:
    return populate(people=20, groups=1)


@pytest.mark.parametrize(
    ("address", "status"),
    [
        (f"/subscribers/{HUGE}/", 404),
        (f"/subscribers/target-groups/{HUGE}/", 404),
        (f"/subscribers/target-groups/{HUGE}/people/valid/", 404),
        (f"/sync-runs/{HUGE}/", 404),
        (f"/sync-runs/{HUGE}/set-aside.csv", 404),
        (f"/admin/setup/bridge-configurations/{HUGE}/", 404),
        (f"/sync-runs/?group={HUGE}", 200),
        ("/sync-runs/?group=-1&event=x&status=y", 200),
        ("/subscribers/?by=nonsense&bridge=nonsense&q=a", 200),
        ("/subscribers/?q=%FF%FE%00", 200),
        ("/subscribers/target-groups/?q=%25_%27%22", 200),
    ],
)
def test_an_address_of_nothing(made: Population, administrator: Client, address: str, status: int) -> None:
    assert administrator.get(address).status_code == status


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(text=st.text(max_size=40), by=st.sampled_from(["", "email", "customer_id", "last_name"]))
def test_any_text_can_be_searched_for(made: Population, reader: Client, text: str, by: str) -> None:
    text = text.encode("utf-8", "ignore").decode()
    assert reader.get("/subscribers/", {"q": text, "by": by}).status_code == 200
    assert reader.get("/subscribers/target-groups/", {"q": text}).status_code == 200
