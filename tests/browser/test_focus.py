"""By keyboard alone: wherever what had the focus goes, the focus is on it again, or on what stands in its place (U1)."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import settle

LEADS = "/leads/?group=&per=25&all=1"


def focus(page):
    """The element that has the focus."""
    return page.locator(":focus")


def press(page, element, key="Enter"):
    """Press a key on an element, and wait until all that comes of it has come."""
    element.focus()
    before = page.evaluate("performance.now()")
    page.keyboard.press(key)
    page.wait_for_function("before => performance.now() > before + 400", arg=before)
    settle(page)


@pytest.fixture
def page(open_page):
    page = open_page("anna")
    page.goto(LEADS)
    return page


def test_in_a_list_it_stays_where_one_was(page):
    head = page.locator("[data-column=name] a[data-go]")
    for order in ("descending", "ascending"):
        press(page, head)
        expect(page.locator("[data-column=name]")).to_have_attribute("aria-sort", order)
        expect(head).to_be_focused()
    forward = page.get_by_role("link", name="Next page")
    press(page, forward)
    expect(page).to_have_url(re.compile("after="))
    expect(page.locator(".list-foot :focus")).to_have_count(1)
    expect(focus(page)).to_have_attribute("aria-label", re.compile("Next page|Previous page"))
    # Each filter that is taken off leaves the next one, then the place where one adds them.
    page.goto("/leads/?owner=me&category__not_empty=1&group=")
    chips = page.get_by_role("link", name="Remove filter")
    press(page, chips.first)
    expect(chips).to_have_count(1)
    expect(chips).to_be_focused()
    press(page, chips)
    expect(chips).to_have_count(0)
    expect(page.locator(".toolbar :focus")).to_have_text("Filter")


def test_it_is_in_the_foot_after_counting_exactly(page):
    page.locator(".list-foot > span").first.evaluate(
        """foot => {
          foot.innerHTML = '1–25 of <span>10,000+ <button type="button" class="link" hx-get="/leads/count/?all=1" hx-target="closest span" hx-swap="outerHTML">Count exactly</button></span>';
          htmx.process(foot);
        }"""
    )
    press(page, page.get_by_role("button", name="Count exactly"))
    expect(page.locator(".list-foot > span").first).to_have_text(re.compile(r"^1–25 of \d+$"))
    expect(page.locator(".list-foot :focus")).to_have_count(1)


def test_it_is_at_the_action_after_ticked_rows_were_changed_and_taken_back(page):
    open_ones = page.locator("[data-row]", has=page.locator(".pill", has_text="Open"))
    for row in open_ones.all()[:2]:
        press(page, row.locator("input[name=ids]"), " ")
    act = page.get_by_role("button", name="Set lead status")
    press(page, act)
    press(page, page.locator("#panel").get_by_role("button", name="Contacting"))
    expect(page.locator("#panel")).to_be_hidden()
    expect(page.locator(".list-box :focus, [data-action-bar] :focus")).to_have_count(1)
    # A message's own button goes with it: one is where one was before.
    press(page, page.locator("#toasts").get_by_role("button", name="Undo").last)
    expect(page.locator("#toasts")).to_contain_text("Undone")
    expect(page.locator(".list-box :focus, [data-action-bar] :focus")).to_have_count(1)
    press(page, page.locator("#toasts").get_by_role("button", name="Close").last)
    expect(page.locator(".list-box :focus, [data-action-bar] :focus")).to_have_count(1)


def test_on_a_card_it_is_in_the_history_after_an_undo_and_back_in_the_list_on_its_row(page):
    name = page.locator("[data-row] a.name").nth(3)
    row = page.locator("[data-row]").nth(3).get_attribute("data-id")
    name.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/persons/" in url)
    press(page, page.locator("[data-set-status]"))
    status = page.locator("#fact-lead_status .item:not([aria-current], [data-dialog])").first
    press(page, status)
    expect(page.locator("#toasts")).to_contain_text("is now")
    expect(focus(page)).to_have_attribute("data-set-status", "")
    press(page, page.get_by_role("link", name="History", exact=True))
    expect(focus(page)).to_have_text("History")
    press(page, page.locator(".timeline").get_by_role("button", name="Undo").first)
    expect(page.locator(".timeline")).to_contain_text("Undone")
    expect(page.locator(".timeline :focus")).to_have_count(1)
    page.go_back()
    page.go_back()
    page.wait_for_url(lambda url: "/leads/" in url)
    expect(page.locator(f'[data-row][data-id="{row}"] a.name')).to_be_focused()


def test_on_a_card_it_goes_from_the_title_by_the_neighbours_to_what_can_be_done(page):
    page.locator("[data-row]", has=page.locator(".sub")).nth(3).locator("a.name").click()
    page.wait_for_url(lambda url: "/persons/" in url)
    settle(page)
    # The head that is loaded again after a change knows no list: what the page knew of it stays.
    with page.expect_response(lambda answer: "/head/" in answer.url):
        page.evaluate("htmx.trigger('.page-head', 'refresh')")
    settle(page)
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.locator("#main").focus()
        for place in (".titles", ".beside", ".actions"):
            for link in page.locator(f".page-head {place} a[href]:visible").all():
                page.keyboard.press("Tab")
                expect(link).to_be_focused()
