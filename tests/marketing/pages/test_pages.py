"""What the pages say, from the rows to the words."""

from __future__ import annotations

import csv
import re
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from rollkeeper.marketing.bridges.models import Bridge, PersonalizationField
from rollkeeper.marketing.bridges.secret import reveal
from rollkeeper.marketing.subscribers.models import Subscriber
from rollkeeper.marketing.sync_runs.models import SyncRun
from rollkeeper.marketing.target_groups.funnel import STEPS
from rollkeeper.marketing.target_groups.models import TargetGroup
from tests.marketing.pages.population import Population


def text_of(answer: Any) -> str:
    """The answer's words, tags and repeated spaces taken out."""
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


def test_home_sums_the_kept_counts(population: Population, reader: Client) -> None:
    text = text_of(reader.get("/"))
    assert "Target groups 64 3 synced, 3 proved identical to the CRM, 1 missing at source" in text
    assert "Subscribers 400 counted" in text
    assert "1 failed, 100 held" in text


def test_a_failure_needs_no_attention_once_the_same_thing_succeeded(population: Population, reader: Client) -> None:
    assert "Needs attention" in text_of(reader.get("/"))
    run = population.failed_run
    SyncRun.objects.create(
        bridge=run.bridge,
        group=run.group,
        kind="audience",
        event="overnight",
        status="completed",
        requested_by="ada",
    )
    assert "Needs attention" not in text_of(reader.get("/"))


def test_target_groups_show_the_crm_s_count_and_as_of_when_it_is(  # S15, S27, S31
    population: Population, reader: Client
) -> None:
    text = text_of(reader.get("/subscribers/target-groups/?q=gold"))
    assert "Gold members, all chapters GOLD 400" in text
    assert "Daily" in text
    assert "9 h ago" in text
    assert "LAPSED" not in text


def test_refresh_target_group_list_is_the_event_of_its_page(population: Population, marketer: Client) -> None:
    marketer.post("/subscribers/target-groups/refresh/")  # S21
    run = SyncRun.objects.get(status="waiting")
    assert (run.kind, run.event, run.group) == ("catalog", "refresh_target_groups", None)
    run.delete()
    marketer.post(f"/admin/setup/bridge-configurations/{population.bridge.pk}/refresh/")  # S22
    assert SyncRun.objects.get(status="waiting").event == "refresh_bridge_configuration"


def test_pressing_twice_is_one_request(population: Population, marketer: Client) -> None:
    for _ in range(2):
        marketer.post(f"/subscribers/target-groups/{population.gold.pk}/sync/")
    run = SyncRun.objects.get(status="waiting")
    assert (run.kind, run.event, run.group) == ("audience", "resync_count_details", population.gold)  # S23


def test_the_button_says_sync_the_first_time_and_resync_later(population: Population, marketer: Client) -> None:
    first = text_of(marketer.get(f"/subscribers/target-groups/{population.never_synced.pk}/"))
    assert re.search(r"(?<!Re)Sync Target Group", first)  # S23
    assert "Resync Target Group" not in first
    assert "Resync Target Group" in text_of(marketer.get(f"/subscribers/target-groups/{population.gold.pk}/"))


def test_each_step_of_the_funnel_opens_as_many_people_as_it_counts(  # S32
    population: Population, reader: Client
) -> None:
    group = population.gold
    earlier = group.count_members
    for number, step in enumerate(STEPS):
        kept = people_of(reader, f"/subscribers/target-groups/{group.pk}/people/{step.key}/")
        assert len(kept) == getattr(group, step.count)
        if number:
            lost = people_of(reader, f"/subscribers/target-groups/{group.pk}/people/{step.key}/?lost=1")
            assert len(lost) == earlier - len(kept)
            assert not set(lost) & set(kept)
        earlier = len(kept)


def people_of(client: Client, address: str) -> list[str]:
    """Customer ids of all pages of a list, walked by Next."""
    found: list[str] = []
    here = address
    while here:
        page = client.get(here).content.decode()
        found += re.findall(r'class="row-link"[^>]*>([^<]+)</a>', page)
        following = re.search(r'rel="next" href="([^"]+)"', page)
        here = address.partition("?")[0] + following[1].replace("&amp;", "&") if following else ""
    assert len(found) == len(set(found))
    return found


def test_no_such_step(population: Population, reader: Client) -> None:
    assert reader.get(f"/subscribers/target-groups/{population.gold.pk}/people/nonsense/").status_code == 404


def test_a_list_gone_from_the_crm_says_so_and_keeps_its_members(population: Population, reader: Client) -> None:
    text = text_of(reader.get(f"/subscribers/target-groups/{population.missing.pk}/"))  # S29
    assert "The list is gone from the CRM." in text
    assert "In the list 36" in text


def test_held_removals_are_shown_with_a_way_to_decide(population: Population, reader: Client) -> None:
    text = text_of(reader.get(f"/subscribers/target-groups/{population.held.pk}/"))
    assert "100 removals are held." in text
    assert "up to 19 may leave at once" in text
    assert "See who they are" in text


def test_a_newer_list_in_the_crm_is_not_called_identical(population: Population, reader: Client) -> None:
    TargetGroup.objects.filter(pk=population.gold.pk).update(list_regenerated_at=timezone.now())
    assert "CRM has a newer list" in text_of(reader.get("/subscribers/target-groups/?q=gold"))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"allow_email": False, "denied_by": "allow_solicitation,do_not_solicit"},
            "Allow Solicitation is No and Do Not",
        ),
        ({"email": None, "address_valid": False}, "no primary e-mail address"),
        ({"email": "nonsense", "address_valid": False}, "nonsense is not well-formed"),
        ({"unsubscribed_at": timezone.now()}, "Unsubscribed by themselves on"),
        ({"bounced_at": timezone.now()}, "bounced on"),
        ({"complained_at": timezone.now()}, "Complained about a mailing on"),
        (
            {"suppressed_at": timezone.now()},
            "On the suppression list on",
        ),
        ({}, "has not opted out here"),
    ],
)
def test_a_subscriber_s_page_says_what_decides_the_status(  # S7, S30
    population: Population, reader: Client, changes: dict[str, Any], sentence: str
) -> None:
    person = Subscriber.objects.get(master_customer_id="000000000004")
    Subscriber.objects.filter(pk=person.pk).update(**changes)
    assert sentence in text_of(reader.get(f"/subscribers/{person.pk}/"))


def test_a_subscriber_s_page_has_fields_by_label_groups_and_changes(population: Population, reader: Client) -> None:
    text = text_of(reader.get(f"/subscribers/{Subscriber.objects.get(master_customer_id='000000000002').pk}/"))
    assert "Membership level Student" in text
    assert "Gold members, all chapters" in text
    assert "E-mail: old@example.org" in text
    no_expiry = Subscriber.objects.filter(f2=None).order_by("id")[0]
    assert "Expiry date friend (default)" in text_of(reader.get(f"/subscribers/{no_expiry.pk}/"))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=person13@", ["000000000013-0"]),
        ("q=PERSON13@EXAMPLE.ORG", ["000000000013-0"]),
        ("q=00000000001", [f"00000000001{digit}-0" for digit in range(10)]),
        ("q=000000000013-0", ["000000000013-0"]),
        (
            "q=person13&by=email",
            ["000000000013-0", *(f"0000000001{n}-0" for n in (31, 32, 33, 34, 35, 36, 37, 38, 39))],
        ),
        ("q=nobody", []),
        ("q=%00", None),
    ],
)
def test_subscribers_are_found_by_what_the_text_looks_like(
    population: Population, reader: Client, query: str, found: list[str] | None
) -> None:
    page = reader.get(f"/subscribers/?{query}").content.decode()
    listed = re.findall(r'class="row-link"[^>]*>([^<]+)</a>', page)
    assert (len(listed) == 50) if found is None else sorted(listed) == sorted(found)


def test_last_names_are_found_in_every_script_and_case(population: Population, reader: Client) -> None:
    for text, expected in (
        ("ångs", "Ångström"),
        ("ИВА", "Иванов"),
        ("山", "山田"),
        ("o'n", "O&#x27;Neill"),
        ("GARCÍA", "García"),
    ):
        page = reader.get("/subscribers/", {"q": text}).content.decode()
        names = set(re.findall(r"</a></td>\s*<td>([^<]+)</td>", page))
        assert names == {expected}, text


def test_going_on_and_back_shows_the_same_pages(population: Population, reader: Client) -> None:
    people = f"/subscribers/target-groups/{population.gold.pk}/people/valid/"
    for address, count in (("/subscribers/", 400), (people, population.gold.count_valid)):
        ids = people_of(reader, address)
        assert len(ids) == count
        assert ids == sorted(ids)
        here, backwards = last_page(reader, address), []
        while here:
            page = reader.get(here).content.decode()
            backwards = re.findall(r'class="row-link"[^>]*>([^<]+)</a>', page) + backwards
            earlier = re.search(r'rel="prev" href="([^"]+)"', page)
            here = address + earlier[1] if earlier else ""
        assert backwards == ids


def last_page(client: Client, address: str) -> str:
    here = address
    while following := re.search(r'rel="next" href="([^"]+)"', client.get(here).content.decode()):
        here = address + following[1]
    return here


@pytest.mark.parametrize("key", ["garbage!", "WyJhIl0", "W251bGwsbnVsbF0", "AAAA"])
def test_a_damaged_page_address_is_refused_with_a_way_out(population: Population, reader: Client, key: str) -> None:
    answer = reader.get("/subscribers/", {"after": key})
    assert answer.status_code == 400
    assert "Go back to the list" in text_of(answer)


def test_a_run_s_counts_add_up_on_its_page(population: Population, reader: Client) -> None:
    text = text_of(reader.get(f"/sync-runs/{population.changing_run.pk}/"))
    assert "Added 1 Updated 130 Unchanged 267 Set aside 2 Received 400" in text
    assert "Identical to the CRM" in text
    assert "The row has no customer id, so nobody can say whose it is." in text


def test_a_run_s_changes_are_paged_and_narrowed(population: Population, reader: Client) -> None:
    address = f"/sync-runs/{population.changing_run.pk}/"
    assert len(people_of(reader, f"{address}?change=updated")) == 130
    removed = text_of(reader.get(f"{address}?change=removed"))
    assert "000000999999-0" in removed
    assert "Membership level: —" not in removed


def test_a_run_that_added_everyone_says_so_and_leads_to_the_group(population: Population, reader: Client) -> None:
    page = reader.get(f"/sync-runs/{population.first_run.pk}/")
    assert "each of its 400 members was added by this run" in text_of(page)
    assert f'href="/subscribers/target-groups/{population.gold.pk}/"' in page.content.decode()


def test_set_aside_rows_are_downloaded_and_harmless_in_a_spreadsheet(
    population: Population, reader: Client
) -> None:
    answer = reader.get(f"/sync-runs/{population.changing_run.pk}/set-aside.csv")  # B7
    assert answer["Content-Disposition"].startswith("attachment")
    rows = list(csv.DictReader(b"".join(answer.streaming_content).decode().splitlines()))
    assert [row["reason"] for row in rows] == ["no_customer_id", "duplicate_customer_id"]
    assert rows[1]["master_customer_id"] == "'=cmd()"
    assert '"someone@example.org"' in rows[0]["row"]


def test_runs_are_filtered_by_event_status_and_group(population: Population, reader: Client) -> None:
    assert len(people_of(reader, "/sync-runs/")) == 5
    assert people_of(reader, "/sync-runs/?event=overnight") == [str(population.failed_run.pk)]
    assert len(people_of(reader, f"/sync-runs/?group={population.gold.pk}")) == 2
    assert "No run matches" in text_of(reader.get("/sync-runs/?status=skipped"))
    assert len(people_of(reader, "/sync-runs/?status=nonsense&group=x")) == 5


def test_progress_goes_on_until_the_run_has_ended(population: Population, reader: Client) -> None:
    run = SyncRun.objects.create(
        bridge=population.bridge, group=population.gold, kind="audience", event="overnight", requested_by="ada"
    )
    address = f"/sync-runs/{run.pk}/progress/"
    waiting = reader.get(address)
    assert waiting.status_code == 200
    assert "waiting for a worker" in text_of(waiting)
    SyncRun.objects.filter(pk=run.pk).update(requested_at=timezone.now() - timedelta(minutes=1))
    assert "No worker has taken it yet" in text_of(reader.get(address))
    SyncRun.objects.filter(pk=run.pk).update(status="running", phase="Comparing", rows_received=1_200)
    assert "Comparing · 1,200 rows received" in text_of(reader.get(address))
    SyncRun.objects.filter(pk=run.pk).update(status="completed")
    ended = reader.get(address)
    assert ended.status_code == 286
    assert ended["HX-Trigger"] == "sync-run-ended"


def test_a_bridge_s_token_is_never_shown_and_kept_when_nothing_is_typed(
    population: Population, administrator: Client
) -> None:
    address = f"/admin/setup/bridge-configurations/{population.bridge.pk}/"
    for page in (address, f"{address}change/"):
        assert "a secret token" not in administrator.get(page).content.decode()
    data = {"name": "The CRM", "url": "https://crm.example.org/odata/", "account": "site", "is_enabled": "on"}
    administrator.post(f"{address}change/", data)
    bridge = Bridge.objects.get()
    assert (bridge.name, bridge.url, reveal(bridge.secret)) == ("The CRM", data["url"], "a secret token")
    administrator.post(f"{address}change/", {**data, "token": "another"})
    assert reveal(Bridge.objects.get().secret) == "another"


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("ftp://crm.example.org/", "begins with http:// or https://"),
        ("crm.example.org", "begins with http:// or https://"),
        ("https://a:b@crm.example.org/", "Leave the password out of the address"),
    ],
)
def test_an_unusable_address_is_refused(
    population: Population, administrator: Client, url: str, complaint: str
) -> None:
    page = f"/admin/setup/bridge-configurations/{population.bridge.pk}/change/"
    answer = administrator.post(page, {"name": "x", "url": url, "account": "x"})
    assert complaint in text_of(answer)
    assert Bridge.objects.get().url == "http://127.0.0.1:9/odata/"


def test_testing_a_connection_says_what_is_wrong(population: Population, administrator: Client) -> None:
    address = f"/admin/setup/bridge-configurations/{population.bridge.pk}/"
    answer = administrator.post(f"{address}test/", follow=True)  # nothing listens there
    assert "The connection does not work." in text_of(answer)


def test_a_field_s_default_and_comment_are_the_marketing_side_s(
    population: Population, administrator: Client
) -> None:
    field = population.bridge.fields.get(name="MembershipLevel")
    address = f"/admin/setup/bridge-configurations/{population.bridge.pk}/fields/{field.pk}/"
    administrator.post(address, {"default": "member", "comment": "For greetings", "label": "Changed"})
    found = PersonalizationField.objects.get(pk=field.pk)
    assert (found.default, found.comment, found.label) == ("member", "For greetings", "Membership level")
