"""The guard on its pages: limits, held removals and what a person decides, alarms (B3)."""

from __future__ import annotations

import csv

import pytest
from django.test import Client
from django.utils import timezone

from rollkeeper.marketing.bridges.models import Bridge
from rollkeeper.marketing.guard.models import GuardChange, HeldDecision
from rollkeeper.marketing.sync_runs.models import HeldRemoval, SyncRun
from rollkeeper.marketing.target_groups.models import TargetGroup
from tests.marketing.pages.population import HELD, Population
from tests.marketing.pages.test_pages import people_of, text_of


def of_group(population: Population, rest: str = "") -> str:
    return f"/subscribers/target-groups/{population.held.pk}/{rest}"


def test_the_limits_and_their_effect_are_on_count_details(population: Population, reader: Client) -> None:
    TargetGroup.objects.filter(pk=population.gold.pk).update(count_members=12_345)
    text = text_of(reader.get(f"/subscribers/target-groups/{population.gold.pk}/"))
    assert "Of 12,345 members up to 1,851 may leave at once" in text
    assert "Share 15 % (the bridge's), floor 10 people (the bridge's)" in text.replace("&#x27;", "'")


def test_a_group_s_own_limits_are_kept_with_who_set_them_and_when(population: Population, marketer: Client) -> None:
    address = f"/subscribers/target-groups/{population.gold.pk}/guard/"
    answer = marketer.post(address, {"share": "50", "floor": ""}, follow=True)
    assert "Saved. Of 400 members up to 200 may leave at once" in text_of(answer)
    group = TargetGroup.objects.get(pk=population.gold.pk)
    assert (group.removal_share, group.removal_floor) == (50, None)
    change = GuardChange.objects.get()
    assert (change.share_before, change.share, change.floor, change.changed_by) == (None, 50, None, "marketer")
    text = text_of(marketer.get(address)).replace("&#x27;", "'")
    assert "marketer the bridge's → 50 % the bridge's → the bridge's" in text
    marketer.post(address, {"share": "50", "floor": ""})  # nothing changes
    assert GuardChange.objects.count() == 1
    marketer.post(address, {"share": "", "floor": ""})
    assert TargetGroup.objects.get(pk=population.gold.pk).removal_share is None


def test_a_bridge_s_limits_hold_for_all_its_groups(population: Population, administrator: Client) -> None:
    address = f"/admin/setup/bridge-configurations/{population.bridge.pk}/"
    answer = administrator.post(f"{address}guard/", {"share": "5", "floor": "3"}, follow=True)
    text = text_of(answer)
    assert (
        "In the largest target group, Gold members, all chapters: of 400 members up to 20 may leave at once" in text
    )
    assert "Share of the members 5 %" in text
    bridge = Bridge.objects.get(pk=population.bridge.pk)
    assert (bridge.removal_share, bridge.removal_floor) == (5, 3)


@pytest.mark.parametrize("entered", [{"share": "101", "floor": "1"}, {"share": "-1", "floor": "1"},
                                     {"share": "x", "floor": "1"}, {"share": "", "floor": "1"},
                                     {"share": "5", "floor": "-1"}, {"share": "5", "floor": "99999999999"}])  # fmt: skip
def test_limits_that_are_none_are_refused(
    population: Population, administrator: Client, entered: dict[str, str]
) -> None:
    answer = administrator.post(f"/admin/setup/bridge-configurations/{population.bridge.pk}/guard/", entered)
    assert "field-error" in answer.content.decode()
    assert not GuardChange.objects.exists()


def test_the_people_whose_removal_is_held_are_listed_with_reason_and_run(
    population: Population, reader: Client
) -> None:
    text = text_of(reader.get(of_group(population, "held/")))
    assert f"{HELD} of 133 members of Lapsed in the last year" in text
    assert "In the CRM" in text
    assert f"Run {population.held_run.pk}" in text
    assert "Not in the list any more" in text
    assert "Deleted in the CRM" in text
    assert len(people_of(reader, of_group(population, "held/"))) == HELD


def test_held_people_are_downloaded(population: Population, reader: Client) -> None:
    answer = reader.get(of_group(population, "held.csv"))
    rows = list(csv.DictReader(answer.getvalue().decode().splitlines()))
    assert len(rows) == HELD
    assert rows[1]["reason"] == "Deleted in the CRM"
    assert rows[0]["last_name"]


def test_approving_asks_for_a_sync_that_makes_about_as_many_removals_as_were_seen(
    population: Population, marketer: Client
) -> None:
    answer = marketer.post(of_group(population, "held/approve/"), {"held": str(HELD)}, follow=True)
    run = SyncRun.objects.get(status="waiting")
    assert (run.approve_held, run.approved_removals, run.requested_by) == (True, HELD, "marketer")
    assert f"Approved: {HELD} removals. Run {run.pk} reads the list again" in text_of(answer)
    decision = HeldDecision.objects.get()
    assert (decision.decision, decision.people, decision.decided_by) == ("approved", HELD, "marketer")
    assert (decision.held_by_run, decision.approved_by_run) == (population.held_run.pk, run.pk)
    assert "Approved 100 marketer" in text_of(marketer.get(of_group(population, "held/")))


def test_discarding_keeps_the_people_and_makes_the_next_sync_look_at_the_whole_list(
    population: Population, marketer: Client
) -> None:
    TargetGroup.objects.filter(pk=population.held.pk).update(change_token="t")
    answer = marketer.post(of_group(population, "held/discard/"), {"held": str(HELD)}, follow=True)
    assert f"Discarded: {HELD} removals." in text_of(answer)
    group = TargetGroup.objects.get(pk=population.held.pk)
    assert (group.count_held, group.held_since, group.change_token, group.count_members) == (0, None, "", 133)
    assert not HeldRemoval.objects.exists()
    decision = HeldDecision.objects.get()
    assert (decision.decision, decision.people, decision.approved_by_run) == ("discarded", HELD, None)
    text = text_of(marketer.get(of_group(population, "held/")))
    assert "No removal is held They were discarded: these people stay until the next sync" in text
    TargetGroup.objects.filter(pk=population.held.pk).update(synced_at=timezone.now())
    text = text_of(marketer.get(of_group(population, "held/")))
    assert "Whoever left the list at the last sync has left the target group." in text


@pytest.mark.parametrize("what", ["approve", "discard"])
@pytest.mark.parametrize("seen", ["", "7", "x"])
def test_nobody_decides_about_other_removals_than_were_shown(
    population: Population, marketer: Client, what: str, seen: str
) -> None:
    answer = marketer.post(of_group(population, f"held/{what}/"), {"held": seen}, follow=True)
    assert "The held removals changed since that page was shown" in text_of(answer)
    assert not SyncRun.objects.filter(status="waiting").exists()
    assert not HeldDecision.objects.exists()
    assert HeldRemoval.objects.count() == HELD


def test_an_alarm_is_on_home_count_details_and_the_run_until_someone_marks_it_as_seen(
    population: Population, marketer: Client
) -> None:
    pages = ("/", of_group(population), f"/sync-runs/{population.held_run.pk}/")
    for page in pages:
        assert "unsubscribed 60 of 133 members" in text_of(marketer.get(page)), page
    marketer.post(f"/sync-runs/{population.held_run.pk}/alarm-seen/")
    for page in pages[:2]:
        assert "unsubscribed 60 of 133 members" not in text_of(marketer.get(page)), page
    assert "Marked as seen by marketer" in text_of(marketer.get(pages[2]))


def test_a_run_without_an_alarm_has_none_to_mark(population: Population, marketer: Client) -> None:
    assert marketer.post(f"/sync-runs/{population.changing_run.pk}/alarm-seen/").status_code == 404


def test_why_a_person_is_in_is_told_step_by_step(population: Population, reader: Client) -> None:  # B5
    master = HeldRemoval.objects.order_by("id")[0].master_customer_id
    text = text_of(reader.get(of_group(population, f"why/?master={master}&sub=0")))
    assert "Is a removal held? Yes" in text
    assert "Is there an address?" in text
    assert reader.get(of_group(population, "why/?master=&sub=0")).status_code == 404
    assert reader.get(of_group(population, "why/?master=%00&sub=0")).status_code == 404
    assert "Not in the target group" in text_of(reader.get(of_group(population, "why/?master=nobody&sub=0")))
