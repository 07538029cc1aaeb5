"""Previews on their pages: asked for, watched, shown with their people, downloaded, applied (B4)."""

from __future__ import annotations

import csv

import pytest
from django.test import Client
from django.utils import timezone

from rollkeeper.marketing.previews.models import Preview
from rollkeeper.marketing.sync_runs.models import SyncRun
from tests.marketing.pages.population import Population
from tests.marketing.pages.test_pages import text_of


def test_preview_sync_asks_for_a_preview_and_shows_its_progress(population: Population, marketer: Client) -> None:
    answer = marketer.post(f"/subscribers/target-groups/{population.held.pk}/preview/", follow=True)
    made = Preview.objects.get(status="waiting")
    assert (made.group, made.requested_by, made.approve_held) == (population.held, "marketer", False)
    assert answer.request["PATH_INFO"] == f"/sync-runs/previews/{made.pk}/"
    assert "waiting for a worker" in text_of(answer)
    Preview.objects.filter(pk=made.pk).update(status="running", phase="Receiving members", rows_received=70)
    text = text_of(marketer.get(f"/sync-runs/previews/{made.pk}/progress/"))
    assert "Receiving members · 70 rows received" in text
    Preview.objects.filter(pk=made.pk).update(status="failed", message="The CRM did not answer.")
    ended = marketer.get(f"/sync-runs/previews/{made.pk}/progress/")
    assert (ended.status_code, ended["HX-Trigger"]) == (286, "preview-ended")
    assert "The CRM did not answer." in text_of(marketer.get(f"/sync-runs/previews/{made.pk}/"))


def test_the_approval_of_held_removals_can_be_previewed(population: Population, marketer: Client) -> None:
    marketer.post(f"/subscribers/target-groups/{population.held.pk}/preview/", {"approve_held": "yes"})
    assert Preview.objects.get(status="waiting").approve_held


def test_a_preview_that_waits_is_cancelled(population: Population, marketer: Client) -> None:
    marketer.post(f"/subscribers/target-groups/{population.held.pk}/preview/")
    made = Preview.objects.get(status="waiting")
    assert "Cancelled" in text_of(marketer.post(f"/sync-runs/previews/{made.pk}/cancel/", follow=True))


def test_a_preview_shows_counts_and_people_of_each_kind_by_pages(population: Population, reader: Client) -> None:
    address = f"/sync-runs/previews/{population.preview.pk}/"
    text = text_of(reader.get(address))
    assert "Added 60 Updated 60 Unchanged 120 Set aside 60 Received 300" in text
    assert "What a sync would do" in text
    assert "version 7" in text
    updated = text_of(reader.get(f"{address}?people=updated"))
    assert "E-mail: old@example.org → new@example.org · Membership level: — → Gold" in updated
    assert "Not in the list any more" in text_of(reader.get(f"{address}?people=removed"))
    assert "does not say whether e-mail is allowed" in text_of(reader.get(f"{address}?people=set_aside"))
    assert "person0@example.org" in text_of(reader.get(f"{address}?people=unsubscribed"))
    assert "Nobody" in text_of(reader.get(f"{address}?people=nonsense"))


def test_a_preview_is_downloaded(population: Population, reader: Client) -> None:
    answer = reader.get(f"/sync-runs/previews/{population.preview.pk}/people.csv")
    rows = list(csv.DictReader(answer.getvalue().decode().splitlines()))
    assert len(rows) == 240
    assert {row["what"] for row in rows} == {"added resubscribed", "updated unsubscribed", "removed", "set_aside"}


def test_applying_asks_for_a_run_that_is_bound_to_the_preview(population: Population, marketer: Client) -> None:
    answer = marketer.post(f"/sync-runs/previews/{population.preview.pk}/apply/", follow=True)
    run = SyncRun.objects.get(status="waiting")
    assert (run.preview, run.group, run.approve_held) == (population.preview, population.gold, False)
    assert answer.request["PATH_INFO"] == f"/sync-runs/{run.pk}/"
    assert "To be applied" in text_of(marketer.get(f"/sync-runs/previews/{population.preview.pk}/"))


def test_a_refused_run_says_what_moved_and_links_to_its_preview(population: Population, marketer: Client) -> None:
    SyncRun.objects.create(
        bridge=population.bridge, group=population.gold, kind="audience", event="resync_count_details",
        status="skipped", error_kind="moved", requested_by="ada", preview=population.preview,
        message="Not applied: since preview 1 was made, the list changed. Make a new preview.",
        finished_at=timezone.now(),
    )  # fmt: skip
    run = SyncRun.objects.get(error_kind="moved")
    page = marketer.get(f"/sync-runs/{run.pk}/").content.decode()
    assert f'href="/sync-runs/previews/{population.preview.pk}/"' in page
    assert "Not applied: since preview 1 was made, the list changed." in text_of(
        marketer.get(f"/sync-runs/previews/{population.preview.pk}/")
    )


@pytest.mark.parametrize(("status", "error_kind"), [("completed", ""), ("held", ""), ("skipped", "moved")])
def test_a_preview_that_was_applied_or_refused_is_not_offered_again(
    population: Population, marketer: Client, status: str, error_kind: str
) -> None:
    address = f"/sync-runs/previews/{population.preview.pk}/"
    assert "Apply this preview" in text_of(marketer.get(address))
    SyncRun.objects.create(
        bridge=population.bridge, group=population.gold, kind="audience", event="resync_count_details",
        status=status, error_kind=error_kind, requested_by="ada", preview=population.preview,
    )  # fmt: skip
    assert "Apply this preview" not in text_of(marketer.get(address))


def test_a_preview_that_is_not_ready_is_not_applied(population: Population, marketer: Client) -> None:
    Preview.objects.filter(pk=population.preview.pk).update(status="failed")
    answer = marketer.post(f"/sync-runs/previews/{population.preview.pk}/apply/", follow=True)
    assert "nothing to apply" in text_of(answer)
    assert not SyncRun.objects.filter(status="waiting").exists()


def test_the_newest_preview_is_on_count_details_until_a_sync_was_asked_for(
    population: Population, marketer: Client
) -> None:
    address = f"/subscribers/target-groups/{population.gold.pk}/"
    assert f"Preview {population.preview.pk} of a sync" in text_of(marketer.get(address))
    marketer.post(f"{address}sync/")
    assert f"Preview {population.preview.pk} of a sync" not in text_of(marketer.get(address))
