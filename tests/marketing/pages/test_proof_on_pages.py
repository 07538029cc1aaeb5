"""The proof of a sync on every page that shows a group or a run (B1)."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.marketing.target_groups.models import TargetGroup
from tests.marketing.pages.test_pages import text_of
from tests.marketing.proved import Synced, by_hand, key, synced_groups
from tests.marketing.syncing import sync_group

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def synced() -> Synced:
    return synced_groups()


def pages(client: Client, run: SyncRun) -> dict[str, str]:
    """The text of each page that shows the run or its group."""
    return {
        "run": text_of(client.get(reverse("sync-run", args=[run.pk]))),
        "group": text_of(client.get(reverse("count-details", args=[run.group_id]))),
        "groups": text_of(client.get(reverse("target-groups"))),
        "runs": text_of(client.get(reverse("sync-runs"))),
        "home": text_of(client.get("/")),
    }


def test_a_group_that_is_identical_says_so_and_when(synced: Synced, reader: Client) -> None:
    shown = pages(reader, synced.sync())
    assert "Identical to the CRM verified" in shown["run"]
    assert "Identical to the CRM verified" in shown["group"]
    assert "Identical to the CRM verified" in shown["groups"]
    assert "Differences that the proof found" not in shown["home"]


def test_what_was_repaired_is_told_with_the_run_that_did_it(synced: Synced, reader: Client) -> None:
    by_hand("DELETE FROM group_member WHERE master_customer_id = '0007'")
    run = synced.sync(full=True)
    shown = pages(reader, run)
    for page in ("run", "group", "home"):
        assert "Differed, repaired 1 row, identical since" in shown[page]
        assert "1 missing here" in shown[page]
        assert "something other than a sync wrote" in shown[page]
    assert f"Run {run.pk}" in shown["group"]
    assert "repaired 1" in shown["runs"]
    assert "0 failed, 0 held, 1 difference see below" in shown["home"]


def test_the_numbers_of_a_run_add_up_where_only_changes_travelled(synced: Synced, reader: Client) -> None:  # B2
    synced.sync()
    synced.crm.lists["ALL"] -= {key(1), key(2)}
    synced.crm.change(key(3), first_name="Ann")
    run = sync_group(synced.bridge, synced.crm, "ALL")
    assert (run.mode, run.received, run.updated) == ("delta", 3, 1)
    shown = pages(reader, run)
    assert "No longer in the list 2" in shown["run"]
    assert "No longer in the list 2" in shown["group"]


def test_what_accounts_for_a_difference_is_told(synced: Synced, reader: Client) -> None:  # B3 B7
    crm = synced.crm
    crm.lists["ALL"] -= {key(n) for n in range(15)}
    crm.repeat = {key(30)}
    crm.change(key(30), first_name="Twice")
    shown = pages(reader, sync_group(synced.bridge, crm, "ALL"))
    for page in ("run", "group"):
        assert "Not identical: 2 rows set aside, 15 removals held" in shown[page]
        assert "That accounts for the difference." in shown[page]


def test_a_group_whose_people_another_groups_sync_made_newer_is_not_called_identical(
    synced: Synced, reader: Client
) -> None:
    synced.crm.change(key(3), first_name="New")
    sync_group(synced.bridge, synced.crm, "HALF")
    group = TargetGroup.objects.get(code="ALL")
    text = text_of(reader.get(reverse("count-details", args=[group.pk])))
    assert "Not identical to the CRM" in text
    assert "A sync of another target group has brought newer data" in text


def test_a_crm_that_contradicts_itself_is_told_beside_the_proof(synced: Synced, reader: Client) -> None:
    synced.crm.kept_wrong = 5
    shown = pages(reader, synced.sync())
    for page in ("run", "group", "home"):
        assert "Identical to the CRM" in shown[page]
        assert "The CRM contradicts itself" in shown[page]
