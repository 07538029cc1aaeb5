"""What a person does on the pages of both sites, in the document's words. Every page that is reached is looked at by axe."""

from __future__ import annotations

import re

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.journeys.up import Up

FUNNEL = ["In the list", "Has an address", "Valid", "Not a duplicate", "Allowed", "Will receive"]
SYNC_TIMEOUT = 240_000  # milliseconds
expect.set_options(timeout=60_000)  # a machine with other things to do


class Desk:
    """A browser window, on one site or the other."""

    def __init__(self, page: Page, up: Up) -> None:
        self.page, self.up = page, up
        self.errors: list[str] = []
        page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def sign_in(self, url: str, password: str) -> None:
        self.page.goto(url)
        self.look()
        self.page.get_by_label("Username").fill("administrator")
        self.page.get_by_label("Password").fill(password)
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("navigation", name="Site")).to_be_visible()
        self.look()

    def sign_in_to_marketing(self) -> None:
        self.sign_in(self.up.marketing_url, self.up.marketing_password)

    def sign_in_to_crm(self) -> None:
        self.sign_in(self.up.crm_url, self.up.crm_password)

    def look(self) -> None:
        """Nothing on the page may keep some readers out."""
        found = [
            f"{rule['id']}: {node['target']} {node['html'][:200]}"
            for rule in Axe().run(self.page).response["violations"]
            for node in rule["nodes"]
        ]
        assert not found, "\n".join([self.page.url, *found])

    def menu(self, *path: str) -> None:
        """Follow the menu: headings are there to read, the last one is a link."""
        menu = self.page.get_by_role("navigation", name="Site")
        for heading in path[:-1]:
            expect(menu.get_by_text(heading, exact=True).first).to_be_visible()
        menu.get_by_role("link", name=path[-1], exact=True).click()
        self.look()

    def press(self, button: str) -> None:
        self.page.get_by_role("button", name=button, exact=True).click()

    def wait_for_the_run(self) -> None:
        """Until the page shows no progress any more: it changes by itself."""
        expect(self.page.locator("progress")).to_have_count(0, timeout=SYNC_TIMEOUT)
        self.look()

    def open_target_groups(self) -> None:
        self.page.goto(self.up.marketing_url)
        self.menu("Subscribers", "Target Groups", "Personify360 MKT Lists")

    def open_group(self, name: str) -> None:
        self.open_target_groups()
        self.page.get_by_role("link", name=name, exact=True).click()
        expect(self.page.get_by_role("heading", name="Count Details")).to_be_visible()
        self.look()

    def resync(self) -> None:
        """Resync Target Group, and wait until it has ended well."""
        before = self.page.get_by_role("link", name=re.compile("^Run ")).first.text_content()
        self.press("Resync Target Group")
        expect(self.page.get_by_role("link", name=before or "", exact=True)).to_have_count(0, timeout=SYNC_TIMEOUT)
        expect(self.page.get_by_role("button", name="Resync Target Group")).to_be_visible(timeout=SYNC_TIMEOUT)
        self.look()

    def funnel(self) -> list[int]:
        """The counts of Count Details, step by step."""
        steps = self.page.locator(".funnel-step")
        assert steps.locator(".funnel-label").all_inner_texts() == FUNNEL
        return [number(text) for text in steps.locator(".funnel-count").all_inner_texts()]

    def edit_email(self, customer_id: str, choice: str) -> None:
        """CRM360 › search › double-click › Edit contact information › Email › wrench › choice › Save (S5, S6)."""
        page = self.page
        page.goto(self.up.crm_url)
        self.menu("Customers and Committees", "CRM360")
        page.get_by_label("Search constituents").fill(customer_id)
        page.get_by_role("button", name="Search").click()
        self.look()
        page.get_by_role("row").filter(has_text=customer_id).get_by_role("cell").nth(1).dblclick()
        page.get_by_role("link", name="Edit contact information").click()
        page.locator("summary").get_by_text("Email", exact=True).click()
        page.locator("summary", has_text="Wrench: ").first.click()
        page.get_by_role("button", name=choice, exact=True).first.click()
        expect(page.get_by_text(f"Marked: {choice}. Not saved yet.")).to_be_visible()
        self.look()
        self.press("Save")
        expect(page.get_by_role("link", name="Edit contact information")).to_be_visible()
        self.look()


def number(text: str) -> int:
    return int(re.sub(r"\D", "", text))
