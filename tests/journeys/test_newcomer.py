"""The newcomer's run: a fresh home, `make run`, then the document's path through both sites in a browser."""

from __future__ import annotations

import re
from collections import Counter

import pytest
from playwright.sync_api import expect

from tests.journeys.desk import Desk, number
from tests.journeys.up import Up

pytestmark = pytest.mark.slow

CODE, NAME = "FELLOWS", "Fellows"
REMOTE = "Unsubscribed from remote system"


def receiver(up: Up) -> tuple[str, str]:
    """A member who will receive and shares the address with nobody in the group, so that all counts move by one."""
    rows = up.group(CODE)
    addresses = Counter(row["email"].lower() for row in rows.values())
    found = (
        key for key, row in rows.items() if row["status"] == "Subscribed" and addresses[row["email"].lower()] == 1
    )
    return next(found)


def test_from_the_list_to_do_not_solicit_and_back(up: Up, desk: Desk) -> None:
    page = desk.page
    desk.sign_in_to_marketing()
    desk.open_target_groups()
    desk.press("Refresh Target Group List")  # S21
    desk.wait_for_the_run()
    expect(page.get_by_text("The last refresh failed")).to_have_count(0)
    desk.open_group(NAME)
    desk.resync()  # S23, S26
    before = desk.funnel()
    assert before[0] == up.list_count(CODE) == len(up.group(CODE))
    expect(page.get_by_text("identical to the CRM", exact=False).first).to_be_visible()  # B1
    key = receiver(up)
    customer_id = "-".join(key)

    desk.sign_in_to_crm()
    desk.menu("Marketing and Communication", "List Maintenance")
    page.get_by_role("link", name=CODE, exact=True).click()
    lead = page.locator(".page-lead").inner_text()
    assert number(re.split("members?,", lead)[0]) == before[0]
    desk.look()
    desk.edit_email(customer_id, "Do Not Solicit by Email")  # S5

    desk.open_group(NAME)
    assert desk.funnel() == before, "nothing moves before the sync (S15)"
    desk.resync()
    after = desk.funnel()
    assert after[:4] == before[:4]
    assert after[4:] == [before[4] - 1, before[5] - 1]
    assert up.group(CODE)[key]["status"] == REMOTE  # S7: still in the group, word for word
    desk.menu("Subscribers", "All Subscribers")
    page.get_by_role("searchbox").fill(customer_id)
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_text(REMOTE).first).to_be_visible()
    desk.look()
    page.get_by_role("link", name=customer_id).first.click()
    expect(page.get_by_text(REMOTE).first).to_be_visible()
    expect(page.get_by_role("link", name=CODE, exact=True).first).to_be_visible()
    desk.look()

    desk.edit_email(customer_id, "Allow Solicitation by Email")  # S6
    desk.open_group(NAME)
    desk.resync()
    assert desk.funnel() == before  # S30
    assert up.group(CODE)[key]["status"] == "Subscribed"


def test_a_list_made_now_is_synced_for_the_first_time(up: Up, desk: Desk) -> None:
    """The first time the button says Sync Target Group (S23); before MKT510 there is nothing to sync (S10)."""
    rule = up.installation.home / "rule.json"
    rule.write_text(
        '{"combinator": "and", "rules": [{"field": "last_name", "operator": "beginsWith", "value": "M"}]}'
    )
    up.command("crm", "save-list", "LETTER_M", "--name", "Letter M", "--rule", str(rule))
    up.command("bridge", "refresh")
    desk.sign_in_to_marketing()
    desk.open_group("Letter M")
    expect(desk.page.get_by_text("Run MKT510")).to_be_visible()
    up.command("crm", "run-job", "MKT510", "--list", "LETTER_M")
    desk.press("Sync Target Group")
    expect(desk.page.get_by_role("button", name="Resync Target Group")).to_be_visible(timeout=240_000)
    desk.look()
    assert desk.funnel()[0] == up.list_count("LETTER_M") > 0


def test_the_bridge_is_tested_and_refreshed_and_a_wrong_token_is_told_plainly(up: Up, desk: Desk) -> None:
    page = desk.page
    desk.sign_in_to_marketing()
    desk.menu("Admin", "Setup", "Bridge Configurations")
    page.get_by_role("link", name="Bundled CRM").click()
    desk.look()
    desk.press("Test connection")  # S34
    expect(page.get_by_text("The connection works.")).to_be_visible()
    desk.press("Refresh Target Group List")  # S22
    desk.wait_for_the_run()
    assert up.command("runs", "--limit", "1")[0]["event"] == "refresh_bridge_configuration"

    page.get_by_role("link", name="Change", exact=True).click()
    desk.look()
    page.get_by_label("Token").fill("rkt_not-the-right-one")
    desk.press("Save")
    desk.press("Test connection")
    said = page.get_by_text("The connection does not work.")
    expect(said).to_be_visible()
    assert "oken" in said.inner_text()
    desk.look()
    desk.press("Refresh Target Group List")
    desk.wait_for_the_run()
    expect(page.get_by_text("The last refresh failed.")).to_be_visible()

    token = up.command("site", "new-token")["token"]
    page.get_by_role("link", name="Change", exact=True).click()
    page.get_by_label("Token").fill(token)
    desk.press("Save")
    desk.press("Test connection")
    expect(page.get_by_text("The connection works.")).to_be_visible()


def test_a_second_start_in_the_same_home_is_refused(up: Up) -> None:
    """Another `up` in the same home is told that one is there."""
    ran = up.installation.run("up", "--no-browser", "--port", str(up.installation.ports[0]), "--crm-port", str(up.installation.ports[1]))  # fmt: skip
    assert ran.code == 1
    assert "up already" in ran.err
    assert "What to do" in ran.err
