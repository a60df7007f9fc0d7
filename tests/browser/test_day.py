"""A rep's day as they live it: bring in a list, work it, take things back; by mouse, by keys alone, on a phone."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from tests.browser.conftest import names, said, settle

FILE = """First Name,Last Name,Company,Email,Lead Status
Zoe,Quast,{company},zoe@{domain},Qualified
Paul,Quast,{company},paul@{domain},Open
Rita,Quast,{company},rita@{domain},Open
"""


def bring_in(page, folder, company):
    """Import three persons of one company through the pages."""
    path = folder / "leads.csv"
    path.write_text(FILE.format(company=company, domain=f"{company.split()[0].lower()}.example"))
    page.goto("/imports/new/")
    page.locator("input[type=file]").set_input_files(path)
    page.locator("main button.primary").click()
    page.get_by_role("button", name="Check the file").click()
    page.get_by_role("button", name="Import now").click()
    expect(page.get_by_role("button", name="Undo the whole import")).to_be_visible(timeout=20_000)


@pytest.fixture(scope="module")
def threes(server):
    """Three companies of Anna's with three persons each, one company for each test that changes them."""
    server.manage("shell", "-v0", "-c", """
from crm.models import User
from leads import actions
anna = User.objects.get(username="anna")
for name in ("Abendrot KG", "Nordlicht AG", "Taschenwerk GmbH"):
    company = actions.create_company({"name": name, "owner": anna}, by=anna, via="form")
    for first in ("Zoe", "Paul", "Rita"):
        actions.create_person({"first_name": first, "last_name": "Quast", "company": company, "owner": anna}, by=anna, via="form")
""")  # fmt: skip


@pytest.mark.both_databases
def test_a_reps_day(open_page, tmp_path):
    page = open_page("anna")
    bring_in(page, tmp_path, "Morgenwerk GmbH")

    # My leads, of one company, by a filter in the column's head; then only the qualified ones.
    page.goto("/leads/?owner=me&group=")
    page.get_by_role("link", name="Filter", exact=True).click()
    page.locator("#panel").get_by_role("button", name="Company", exact=True).click()
    page.get_by_role("textbox", name="Company").fill("Morgenwerk")
    page.get_by_role("button", name="Apply filter").click()
    expect(names(page)).to_have_count(3)
    page.get_by_role("link", name="Filter by Lead status").click(force=True)
    page.get_by_label("Qualified", exact=True).check()
    page.get_by_role("button", name="Apply filter").click()
    expect(names(page)).to_have_text(["Zoe Quast"])
    assert re.search(r"lead_status=\d", page.url)

    # The card: a status, its history, undone there. It stays where it was in the list.
    names(page).click()
    expect(page.locator("h1")).to_have_text("Zoe Quast")
    expect(page.locator(".beside")).to_contain_text("1 of 1")
    page.locator("[data-set-status]").click()
    page.locator("#fact-lead_status .item", has_text="Contacting").click()
    said(page, "Zoe Quast is now Contacting")
    expect(page.locator("#fact-lead_status .pill")).to_have_text("Contacting")
    page.get_by_role("link", name="History", exact=True).click()
    expect(page.locator(".beside")).to_contain_text("Back to the list")
    step = page.locator(".timeline > li", has_text="Qualified → Contacting").first
    step.get_by_role("button", name="Undo").click()
    expect(page.locator("#fact-lead_status .pill")).to_have_text("Qualified")

    # A follow-up: planned, put off, done; a note.
    page.get_by_role("link", name="Timeline", exact=True).click()
    page.get_by_role("link", name="Follow-up", exact=True).click()
    page.get_by_label("Subject").fill("Send the offer")
    page.get_by_label("Due on").fill(timezone.localdate().isoformat())
    page.get_by_role("button", name="Create follow-up").click()
    expect(page.locator("#next")).to_contain_text("Send the offer")
    expect(page.locator("#next")).to_contain_text("today")
    expect(page.locator(".timeline")).to_contain_text("Send the offer")
    page.locator("#next summary").click()
    page.locator("#next").get_by_role("button", name="Next week").click()
    expect(page.locator("#next")).not_to_contain_text("today")
    page.locator("#next input[type=checkbox]").click()
    expect(page.locator("#next")).to_contain_text("Nothing is planned.")
    page.get_by_label("Note").fill("Needs forty vehicles")
    page.get_by_label("Note").press("Enter")
    expect(page.locator(".timeline .done").first).to_contain_text("Needs forty vehicles")
    expect(page.get_by_label("Note")).to_have_value("")

    # The company becomes a customer: the field goes, and says why; with the lead it comes back as it was (R6, R7).
    person = page.url
    page.locator("#fact-company a").click()
    page.locator("#fact-category .value").click()
    page.locator("#fact-category select").select_option(label="Customer")
    page.locator("#fact-category button.primary").click()
    change = said(page, "Morgenwerk GmbH was changed")
    expect(page.locator("tbody .pill")).to_have_count(0)
    page.goto(person)
    expect(page.locator("#fact-lead_status")).to_have_count(0)
    page.locator("#fact-category [role=note]").hover()
    expect(page.locator("#tip")).to_contain_text("Customer is not a potential customer")
    page.mouse.move(0, 0)
    expect(page.locator("#tip")).to_be_hidden()
    page.locator("#fact-company a").click()
    page.get_by_role("link", name="History", exact=True).click()
    page.locator(".timeline > li", has_text="Customer").get_by_role("button", name="Undo").click()
    expect(page.locator("#fact-category .value")).to_have_text("Lead")
    expect(change).to_have_count(0)
    page.goto(person)
    expect(page.locator("#fact-lead_status .pill")).to_have_text("Qualified")


def test_rows_are_changed_together_and_taken_back(open_page, threes):
    page = open_page("anna")
    page.goto("/persons/?company__starts=Abendrot")
    # A filter by keys alone: Enter opens the only field that is left, and arrow keys go to one.
    page.get_by_role("link", name="Filter", exact=True).click()
    page.locator("#panel [data-narrow]").press_sequentially("former")
    page.keyboard.press("Enter")
    expect(page.locator("#panel-title")).to_have_text("Former employee")
    page.get_by_role("button", name="Apply filter").click()
    expect(page.locator("#panel [role=alert]")).to_have_text("Choose one of these.")
    page.keyboard.press("Escape")
    page.get_by_role("link", name="Filter", exact=True).click()
    page.locator("#panel [data-narrow]").press_sequentially("mobile")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#panel-title")).to_have_text("Mobile")
    page.keyboard.press("Escape")
    ticks = page.locator("tbody input[name=ids]")
    expect(ticks).to_have_count(3)
    ticks.nth(0).click()
    ticks.nth(2).click(modifiers=["Shift"])
    expect(page.locator("[data-action-bar]")).to_contain_text("3 selected")
    page.get_by_role("button", name="Set lead status").click()
    page.locator("#panel").get_by_role("button", name="Contacting").click()
    line = said(page, "3 persons are now Contacting")
    expect(page.locator("tbody .pill", has_text="Contacting")).to_have_count(3)
    line.get_by_role("button", name="Undo").click()
    expect(page.locator("tbody .pill", has_text="Contacting")).to_have_count(0)
    # Deleted, and brought back by a key after its message is gone.
    page.get_by_role("button", name="Delete", exact=True).click()
    page.locator("#panel").get_by_role("button", name="Delete", exact=True).click()
    said(page, "3 persons are in the bin").get_by_role("button", name="Close").click()
    expect(names(page)).to_have_count(0)
    page.keyboard.press("u")
    expect(names(page)).to_have_count(3)
    # What is shown is what is exported.
    page.locator("summary", has_text="Export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert "Zoe Quast" in download.value.path().read_text("utf-8-sig")


def test_on_a_phone_one_reads_on_where_the_sections_of_a_card_stand(open_page):
    page = open_page("anna", width=390, height=844, touch=True)
    page.goto("/leads/")
    names(page).first.click()
    tabs = page.locator(".card-grid nav.tabs")
    expect(page.locator("[data-timeline] li").first).to_be_visible()
    settle(page)
    tabs.scroll_into_view_if_needed()
    stood = tabs.bounding_box()["y"]
    assert page.evaluate("scrollY") > 0
    for name in ("History", "Details", "Timeline"):
        page.get_by_role("link", name=name, exact=True).tap()
        expect(tabs.locator("[aria-current]")).to_have_text(name)
        settle(page)
        assert abs(tabs.bounding_box()["y"] - stood) < 2, name
    # By keys the tab keeps the focus, to go on to the next one.
    page.get_by_role("link", name="History", exact=True).focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="History", exact=True)).to_be_focused()
    # Another card begins at its top.
    page.goto("/leads/")
    names(page).nth(1).click()
    expect(page.locator("h1")).to_be_in_viewport()
    assert page.evaluate("scrollY") == 0


def test_a_list_one_goes_back_to_shows_what_has_changed_meanwhile(open_page, threes):
    """A browser keeps the page one left, and shows it again without asking."""
    page = open_page("anna")
    page.goto("/persons/?company__starts=Taschenwerk")
    expect(page.locator("tbody .pill")).to_have_text(["Open"] * 3)
    other = open_page("anna")
    other.goto("/persons/?company__starts=Taschenwerk")
    names(other).first.click()
    other.locator("[data-set-status]").click()
    other.locator("#fact-lead_status .item", has_text="Contacting").click()
    said(other, "is now Contacting")
    page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    expect(page.locator("tbody .pill", has_text="Contacting")).to_have_count(1)
    other.keyboard.press("u")
    said(other, "Undone")


def test_u2_groups_stay_open_after_a_change_and_their_sums_go_with_their_columns(open_page, threes):
    page = open_page("anna")
    page.goto("/persons/?group=lead_status,category&company__starts=Nordlicht")
    page.locator("[data-fold-group]").first.click()
    page.locator("tr.group[data-level='1'] [data-fold-group]").first.click()
    row = page.locator("tr[data-row]").last
    row.locator("input[name=ids]").check()
    for done in ("now belongs to nobody", "Undone"):
        if done == "Undone":
            page.locator(".toast-line").last.get_by_role("button", name="Undo").click()
        else:
            page.locator("[data-action-bar]").get_by_role("button", name="Change owner").click()
            page.locator("#panel").get_by_role("button", name="Nobody").click()
        expect(page.locator(".toast-line").last).to_contain_text(done)
        expect(row.locator("td[data-label=Owner]")).to_have_text("" if done != "Undone" else "AK")
        expect(row.locator("input[name=ids]")).to_be_checked()
    row.locator("a.name").click()
    expect(page.locator("h1")).to_contain_text("Quast")
    page.go_back()
    expect(row.locator("a.name")).to_be_focused()
    page.goto("/sales/?group=stage&cols=name,amount,weighted_amount,company&all=1")
    amount, weighted = (page.locator("tr.group").first.locator(f"td[data-label={name}]") for name in ("Amount", "Weighted"))
    before = [cell.inner_text() for cell in (amount, weighted)]
    heads = page.locator("thead th[data-column]")
    page.locator("th[data-column=amount]").drag_to(page.locator("th[data-column=company]"), target_position={"x": 60, "y": 10})
    expect(heads.nth(1)).to_have_attribute("data-column", "weighted_amount")
    expect(page.locator("tr.group").first.locator("td").nth(0)).to_have_text(before[1])
    assert [cell.inner_text() for cell in (amount, weighted)] == before
    page.get_by_role("link", name="Columns", exact=True).click()
    page.get_by_role("button", name="Reset to default").click()
    expect(heads.nth(1)).to_have_attribute("data-column", "company")


def test_u1_the_day_by_keys_alone(open_page, threes):
    page = open_page("anna")
    page.goto("/persons/?company__starts=Nordlicht")
    keys = page.keyboard
    keys.press("?")
    expect(page.locator("#keys")).to_be_visible()
    keys.press("Escape")
    keys.press("j")
    keys.press("x")
    keys.press("j")
    keys.press("x")
    expect(page.locator("[data-action-bar]")).to_contain_text("2 selected")
    keys.press("s")
    expect(page.locator("#panel .field-choice button").first).to_be_focused()
    keys.press("Tab")
    keys.press("Enter")
    said(page, "2 persons are now Contacting")
    keys.press("u")
    expect(page.locator("tbody .pill", has_text="Contacting")).to_have_count(0)
    # Into a card, edit a fact, give one up, and the focus stays.
    page.locator("a.name", has_text="Paul Quast").focus()
    keys.press("Enter")
    expect(page.locator("h1")).to_have_text("Paul Quast")
    pencil = page.get_by_role("button", name="Edit: Job title")
    pencil.focus()
    keys.press("Enter")
    expect(page.locator("#fact-title input[name=title]")).to_be_focused()
    keys.type("Head of Purchasing")
    keys.press("Enter")
    expect(page.locator("#fact-title .value")).to_have_text("Head of Purchasing")
    expect(pencil).to_be_focused()
    keys.press("Enter")
    expect(page.locator("#fact-title input[name=title]")).to_be_focused()
    keys.type("never mind")
    keys.press("Escape")
    expect(page.locator("#fact-title .value")).to_have_text("Head of Purchasing")
    expect(pencil).to_be_focused()
    keys.press("s")
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    keys.press("Enter")
    expect(page.locator("#fact-lead_status .pill")).to_have_text("Contacting")
    # To another list, and something new: what is wrong is said at the field and nothing typed is lost (U3).
    keys.press("g")
    keys.press("c")
    page.wait_for_url("**/companies/")
    keys.press("n")
    page.wait_for_url("**/persons/new/")
    page.get_by_label("First name").focus()
    keys.type("Paul")
    keys.press("Tab")
    keys.type("Quast")
    keys.press("Tab")
    keys.press("Tab")
    keys.type("no address")
    expect(page.locator(".similar")).to_contain_text("Already exists")
    keys.press("Enter")
    expect(page.get_by_label("E-mail")).to_be_focused()
    expect(page.locator(".field", has=page.get_by_label("E-mail")).locator(".error")).to_be_visible()
    expect(page.get_by_label("First name")).to_have_value("Paul")
    expect(page.locator(".similar")).to_contain_text("Already exists")


def test_u1_the_day_on_a_phone(open_page, threes):
    page = open_page("anna", language="de", width=390, height=844, touch=True)
    page.goto("/persons/?company__starts=Taschenwerk")
    expect(names(page)).to_have_count(3)
    page.locator("tbody input[name=ids]").first.tap()
    page.locator("[data-action=status]").tap()
    expect(page.locator("#panel .field-choice")).to_be_visible()
    box = page.locator("#panel").bounding_box()
    assert box["x"] == 0 and box["width"] == 390 and round(box["y"] + box["height"]) == 844, "a sheet at the bottom edge"
    page.locator("#panel").get_by_role("button", name="Kontaktaufnahme").tap()
    expect(page.locator("tbody .pill", has_text="Kontaktaufnahme")).to_have_count(1)
    names(page).first.tap()
    page.locator("#fact-phone .edit").tap()
    page.locator("#fact-phone input[name=phone]").fill("+49 421 555 0142")
    page.locator("#fact-phone button.primary").tap()
    expect(page.locator("#fact-phone")).to_contain_text("+49 421 555 0142")
    page.locator(".page-head summary").tap()
    menu = page.locator(".page-head .panel")
    expect(menu).to_be_visible()
    assert menu.bounding_box()["width"] == 390
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator(".side nav a[data-key=c]").tap(force=True)
