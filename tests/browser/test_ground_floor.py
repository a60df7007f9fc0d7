"""Search, bell, settings and signing out, as somebody at a keyboard meets them."""

import re

import pytest
from playwright.sync_api import expect

pytestmark = pytest.mark.both_databases


def test_the_copies_that_the_demo_keeps_are_right(server):
    server.manage("check_copies")


def test_w7_the_palette_opens_a_record_by_keys_alone(open_page, server):
    name = server.manage(
        "shell", "-v0", "-c", "from leads.models import Person; print(Person.objects.filter(owner__username='anna')[0].name)"
    )
    page = open_page("anna")
    page.goto("/settings/")
    page.keyboard.press("/")
    expect(page.locator("#palette input")).to_be_focused()
    page.keyboard.type(name.strip())
    expect(page.locator("#palette-results [aria-selected=true]")).to_contain_text(name.strip())
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/persons/\d+/"))
    expect(page.locator("h1")).to_contain_text(name.strip())


def test_w7_the_palette_offers_commands_and_escape_closes_it(open_page):
    page = open_page("anna")
    page.goto("/settings/")
    page.keyboard.press("Control+k")
    expect(page.locator("#palette input")).to_be_focused()
    page.keyboard.type("new pers")
    expect(page.locator("#palette-results [role=option]").first).to_contain_text("New person")
    page.keyboard.press("Escape")
    expect(page.locator("#palette")).to_be_hidden()


def test_u1_on_a_phone_a_tap_closes_the_palette_and_a_sheet_says_what_it_is(open_page):
    page = open_page("anna", width=390, height=844, touch=True)
    page.goto("/settings/")
    page.locator(".top .search").tap()
    page.locator("#palette [data-close-dialog]").tap()
    expect(page.locator("#palette")).to_be_hidden()
    page.locator("summary", has=page.locator("#bell-count")).tap()
    heading = "getComputedStyle(document.querySelector('.top .panel:popover-open'), '::before').content"
    assert page.evaluate(heading) == '"Questions, news and background work"'


def test_the_search_page_keeps_its_question_in_the_address(open_page):
    page = open_page("anna")
    page.goto("/search/")
    expect(page.locator("main input[name=q]")).to_be_focused()  # from the start, so that one can type at once
    page.keyboard.type("gmbh")
    expect(page.locator(".hits li").first).to_be_visible()
    page.wait_for_url("**/search/?q=gmbh")
    page.reload()
    expect(page.locator("input[name=q]").first).to_have_value("gmbh")


def test_background_work_shows_under_the_bell_and_tells_its_end(open_page, server):
    page = open_page("anna")
    page.goto("/settings/")
    work = "from crm.jobs import enqueue, schedule; from crm.models import User; "
    server.manage(
        "shell", "-v0", "-c", f"{work} enqueue(schedule.nightly, owner=User.objects.get(username='anna'), title='Tidying up')"
    )
    page.evaluate("document.body.dispatchEvent(new Event('jobs'))")
    page.locator("summary", has=page.locator("#bell-count")).click()
    expect(page.locator("#bell-list")).to_contain_text("Tidying up")
    expect(page.locator("#bell-list")).to_contain_text("Finished", timeout=15_000)


def test_settings_change_the_language_at_once_and_say_so(open_page):
    page = open_page("mia", language="en")
    page.goto("/settings/")
    page.get_by_label("Deutsch").check()
    page.locator("#preferences button.primary").click()
    expect(page.locator("html")).to_have_attribute("lang", "de")
    expect(page.locator("#toasts")).to_contain_text("gespeichert")


def test_signing_out_leaves_nothing_behind(open_page):
    page = open_page("max")
    page.goto("/settings/")
    page.evaluate("localStorage.setItem('kept', '1')")
    page.locator(".top summary", has=page.locator(".avatar")).click()
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/accounts/login/**")
    assert page.evaluate("localStorage.getItem('kept')") is None
    page.go_back()
    page.wait_for_url("**/accounts/login/**")
