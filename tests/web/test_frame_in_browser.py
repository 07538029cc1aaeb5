"""The frame in a real browser: readable by everyone, usable without a mouse, strict about scripts."""

from __future__ import annotations

import pytest

from tests.web.browser import NARROW, Window

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("path", "picture"),
    [("/components/", "components"), ("/components/?errors", "form-errors"), ("/components/nothing-yet/", "empty")],
)
def test_every_part_is_readable_light_dark_narrow_and_wide(signed_in: Window, path: str, picture: str) -> None:
    signed_in.examine(path, picture)


def test_the_sign_in_page_is_readable(window: Window, transactional_db: None) -> None:
    window.examine("/accounts/login/", "sign-in")


def test_a_person_signs_in_and_out(window: Window, somebody: object) -> None:
    page = window.page
    window.open("/components/")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("button", name="Sign in").click()
    assert page.get_by_role("heading", level=1).inner_text() == "All parts"
    page.locator(".user-menu summary").click()
    page.get_by_role("button", name="Sign out").click()
    assert page.get_by_role("heading", level=1).inner_text() == "Sign in"


def test_the_theme_chosen_is_there_before_the_first_paint_of_the_next_page(signed_in: Window) -> None:
    page = signed_in.page
    page.emulate_media(color_scheme="light")
    signed_in.open("/")
    page.get_by_role("button", name="Dark").click()
    signed_in.open("/components/")
    assert page.locator("html").get_attribute("data-bs-theme") == "dark"
    page.get_by_role("button", name="As the device").click()
    assert page.locator("html").get_attribute("data-bs-theme") == "light"


def test_the_keyboard_alone_reaches_content_search_and_rows(signed_in: Window) -> None:
    page = signed_in.page
    signed_in.open("/components/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.type") == "search"
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?open=LIST2")


def test_a_click_anywhere_in_a_row_opens_it(signed_in: Window) -> None:
    signed_in.open("/components/")
    signed_in.page.get_by_text("A list with number 3").click()
    signed_in.page.wait_for_url("**/?open=LIST3")


def test_the_menu_opens_on_a_narrow_window(signed_in: Window) -> None:
    page = signed_in.page
    page.set_viewport_size({"width": NARROW, "height": 800})
    signed_in.open("/")
    assert not page.get_by_role("link", name="All parts").is_visible()
    page.get_by_role("button", name="Menu").click()
    page.get_by_role("link", name="All parts").click()
    page.wait_for_url("**/components/")


def test_a_question_answered_with_no_sends_nothing(signed_in: Window) -> None:
    page = signed_in.page
    signed_in.open("/components/")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.get_by_role("button", name="Discard").click()
    assert page.url.endswith("/components/")
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Discard").click()
    page.wait_for_url(signed_in.address + "/")
    assert page.get_by_text("Done.").is_visible()


def test_no_inline_script_runs(signed_in: Window) -> None:
    signed_in.open("/")
    script = "const s = document.createElement('script'); s.textContent = 'window.ran = 1'; document.body.append(s); window.ran"
    assert signed_in.page.evaluate(script) is None
    assert "Content Security Policy" in " ".join(signed_in.errors)
