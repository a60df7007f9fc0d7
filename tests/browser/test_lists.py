"""A list in the browser: rows before their number, ticks across pages, columns and groups that are kept."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import said, settle


def test_a_long_list_shows_its_rows_first_and_tells_their_number_after(open_page):
    page = open_page("mia", language="de", width=1280)
    with page.expect_response(lambda answer: "/persons/totals/" in answer.url):
        page.goto("/persons/?all=1")
    foot = page.locator(".list-foot > span").first
    expect(foot).to_have_text(re.compile(r"^1–50 von 1\.[2-9]\d\d\s*$"))
    number = foot.inner_text().strip().rpartition(" ")[2]
    page.get_by_role("checkbox", name="Alle auf dieser Seite auswählen").check()
    page.get_by_role("button", name=f"Alle {number} auswählen").click()
    expect(page.locator("[data-action-bar] [data-count]")).to_have_text(number)
    # The bar needs one row, and a message stands above it.
    page.evaluate("document.body.dispatchEvent(new CustomEvent('toast', {detail: {text: 'x', level: 'ok'}}))")
    bar, message = page.locator("[data-action-bar]").bounding_box(), page.locator(".toast-line").bounding_box()
    assert bar["height"] < 50 and message["y"] + message["height"] <= bar["y"]
    page.get_by_text("Mehr", exact=True).last.click()
    expect(page.locator("[data-action-bar] [data-action=plan]")).to_be_visible()
    page.keyboard.press("Escape")
    # A change, one's own or another's, leaves them all chosen.
    with page.expect_response(lambda answer: "/persons/totals/" in answer.url):
        page.evaluate("document.body.dispatchEvent(new CustomEvent('changed'))")
    settle(page)
    expect(page.locator("[data-action-bar] [data-count]")).to_have_text(number)
    # Going on leaves them chosen as well, until one is taken out: then it is those in sight.
    page.get_by_role("link", name="Nächste Seite").click()
    expect(foot).to_have_text(re.compile(r"^51–100 von"))
    expect(page.locator("[data-action-bar] [data-count]")).to_have_text(number)
    page.locator("tbody input[name=ids]").first.uncheck()
    expect(page.locator("[data-action-bar] [data-count]")).to_have_text("49")
    page.get_by_role("button", name="Auswahl aufheben").click()
    # What is ticked before the number has come stays so.
    late = []
    page.route("**/totals/**", lambda route: late.append(route))
    page.get_by_role("link", name="Nächste Seite").click()
    expect(foot).to_have_text(re.compile(r"^101–150 von 1\.000\+\s*$"))
    page.locator("tbody input[name=ids]").first.check()
    expect(page.locator("[data-action-bar] [data-count]")).to_have_text("1")
    late.pop().continue_()
    expect(foot).to_have_text(re.compile(rf"^101–150 von {number}\s*$"))
    expect(page.locator("[data-action-bar] [data-count]")).to_have_text("1")


def test_what_is_ticked_on_one_page_stays_so_on_the_next(open_page):
    page = open_page("anna")
    page.goto("/leads/?group=&per=25&all=1&sort=name")
    bar, count = page.locator("[data-action-bar]"), page.locator("[data-action-bar] [data-count]")
    ticks, elsewhere = page.locator("tbody input[name=ids]"), page.get_by_text("also on other pages")

    def ticked():
        return page.locator("[data-ticked]").input_value().split(",")

    ticks.nth(0).check()
    ticks.nth(2).check()
    first = ticked()
    page.get_by_role("link", name="Next page").click()
    expect(page.locator(".list-foot > span").first).to_have_text(re.compile("^26–50"))
    expect(count).to_have_text("2")
    expect(elsewhere).to_be_visible()
    ticks.nth(1).check()
    expect(count).to_have_text("3")
    assert ticked()[:2] == first and len(set(ticked())) == 3
    page.get_by_role("link", name="Previous page").click()
    expect(ticks.nth(2)).to_be_checked()
    expect(elsewhere).to_be_visible()
    ticks.nth(0).uncheck()
    expect(count).to_have_text("2")
    # Whatever changed elsewhere leaves them so; a change of their own is known to have left only what is in sight.
    page.evaluate("document.body.dispatchEvent(new CustomEvent('changed'))")
    settle(page)
    expect(count).to_have_text("2")
    page.get_by_role("button", name="Set lead status").click()
    page.locator("#panel").get_by_role("button", name="Contacting").click()
    said(page, "persons are now Contacting").get_by_role("button", name="Undo").click()
    expect(page.locator("#toasts")).to_contain_text("Undone")
    expect(count).to_have_text("1")
    expect(elsewhere).to_be_hidden()
    settle(page)
    # Another question is another list; ending it ends it on all pages.
    page.get_by_role("link", name="Next page").click()
    expect(elsewhere).to_be_visible()
    page.goto("/leads/?group=&per=25&all=1&sort=name")
    expect(bar).to_be_hidden()
    ticks.nth(0).check()
    page.get_by_role("link", name="Next page").click()
    expect(elsewhere).to_be_visible()
    bar.get_by_role("button", name="Clear the selection").click()
    expect(bar).to_be_hidden()
    page.get_by_role("link", name="Previous page").click()
    expect(page.locator(".list-foot > span").first).to_have_text(re.compile("^1–25"))
    expect(bar).to_be_hidden()
    # Who chose all has chosen none of those that another filter leaves.
    page.locator("[data-tick-all]").check()
    page.get_by_role("button", name=re.compile("^Select all")).click()
    page.locator("thead [data-column=lead_status]").get_by_role("link", name="Filter by Lead status").click()
    for status in ("Open", "Contacting", "Qualified"):
        page.locator("#panel").get_by_label(status, exact=True).check()
    page.get_by_role("button", name="Apply filter").click()
    page.wait_for_url(re.compile("lead_status"))
    expect(bar).to_be_hidden()
    expect(page.locator("tbody input[name=ids]:checked")).to_have_count(0)


def test_columns_and_groups_are_kept(open_page):
    page = open_page("mia")
    page.goto("/companies/")
    page.get_by_role("link", name="Columns", exact=True).click()
    page.locator("#panel").get_by_role("checkbox", name="Website").check()
    page.locator("#panel").get_by_role("button", name="Move Owner up").click()
    page.get_by_role("button", name="Show these columns").click()
    expect(page.locator("thead th[data-column=website]")).to_be_visible()
    for field in ("Category", "Country"):
        page.locator(".toolbar summary", has_text="Group").click()
        page.locator(".panel .item", has_text=re.compile(f"^{field}$")).click()
        expect(page.locator(".toolbar summary", has_text=f"{field}")).to_be_visible()
    first = page.locator("[data-fold-group]").first
    first.click()
    inner = page.locator("tr.group[data-level='1']")
    expect(inner.first).to_be_visible()
    first.click()
    expect(inner.first).to_be_hidden()
    page.goto("/companies/")
    expect(page.locator("thead th[data-column=website]")).to_be_visible()
    expect(page.locator(".toolbar summary", has_text="Category, Country")).to_be_visible()
    page.get_by_role("link", name="Columns", exact=True).click()
    page.get_by_role("button", name="Reset to default").click()
    expect(page.locator("thead th[data-column=website]")).to_have_count(0)


def test_the_list_within_a_card_keeps_its_state_in_the_cards_address(open_page):
    page = open_page("anna")
    page.goto("/companies/?category_group=potential")
    page.locator("a.name").first.click()
    page.get_by_text("Former employees").click()
    page.wait_for_url(re.compile(r"/companies/\d+/\?.*view=former%3D1"))
    heading = page.locator("h1").inner_text()
    page.reload()
    expect(page.locator("[aria-pressed=true]", has_text="Former employees")).to_be_visible()
    expect(page.locator("h1")).to_have_text(heading)
    expect(page.locator(".beside")).to_be_visible()
