"""A rep's day as they live it: bring in a list, work it, take things back; by mouse, by keys alone, on a phone, beside a colleague."""

import re

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from tests.browser.conftest import settle, sign_in

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


def said(page, text):
    """Wait for a message, and return it."""
    line = page.locator(".toast-line", has_text=text).last
    expect(line).to_be_visible()
    return line


def names(page):
    return page.locator("tbody tr[data-row] a.name")


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


def test_u3_a_note_begun_and_a_fact_being_edited_are_not_lost_by_leaving(open_page):
    page = open_page("anna")
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    page.goto("/leads/")
    names(page).first.click()
    page.get_by_label("Note").fill("Wants to be called after")
    page.get_by_role("link", name="History", exact=True).click(no_wait_after=True)
    page.wait_for_timeout(500)
    assert asked == ["beforeunload"]
    expect(page.get_by_label("Note")).to_have_value("Wants to be called after")
    page.get_by_label("Note").press("Enter")
    expect(page.get_by_label("Note")).to_have_value("")
    settle(page)
    page.get_by_role("button", name="Edit: Job title").click()
    page.locator("#fact-title input[name=title]").fill("Head of")
    # Nor by another change on the same card: what came anew stands around it.
    page.locator("[data-set-status]").click()
    page.locator("#fact-lead_status .item:not([aria-current], [data-dialog])").first.click()
    said(page, "is now")
    settle(page)
    expect(page.locator("#fact-title input[name=title]")).to_have_value("Head of")
    page.get_by_role("link", name="History", exact=True).click(no_wait_after=True)
    page.wait_for_timeout(500)
    assert asked == ["beforeunload"] * 2
    # What was given up or saved asks nothing.
    page.locator("#fact-title input[name=title]").press("Escape")
    expect(page.locator("#fact-title input[name=title]")).to_have_count(0)
    page.get_by_role("link", name="History", exact=True).click()
    expect(page.locator(".tabs [aria-current]")).to_have_text("History")
    assert len(asked) == 2


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
    expect(page.locator("#similar")).to_contain_text("Already exists")
    keys.press("Enter")
    expect(page.get_by_label("E-mail")).to_be_focused()
    expect(page.locator(".field", has=page.get_by_label("E-mail")).locator(".error")).to_be_visible()
    expect(page.get_by_label("First name")).to_have_value("Paul")
    expect(page.locator("#similar")).to_contain_text("Already exists")


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


def of_demo(server, user):
    """Return the id of a person this user owns."""
    asked = (
        f"from leads.models import Person; print(Person.objects.leads().filter(owner__username='{user}', deleted_at=None)[7].pk)"
    )
    return int(server.manage("shell", "-v0", "-c", asked))


def retitle(page, name, value):
    """Open a fact of the card and type into it, without saving."""
    page.locator(f"#fact-{name} .edit").click(force=True)
    field = page.locator(f"#fact-{name} input[name={name}]")
    expect(field).to_be_focused()
    field.fill(value)
    return field


def test_r17_two_people_at_one_card_lose_nothing(open_page, server):
    mine, theirs = open_page("anna"), open_page("admin")
    for page in (mine, theirs):
        page.goto(f"/persons/{of_demo(server, 'anna')}/")
    # The same field: both values show, and saving again decides.
    field = retitle(mine, "title", "Mine")
    retitle(theirs, "title", "Theirs").press("Enter")
    expect(theirs.locator("#fact-title .value")).to_have_text("Theirs")
    field.press("Enter")
    expect(mine.locator("#fact-title [role=alert]")).to_contain_text("Theirs")
    expect(mine.locator("#fact-title input[name=title]")).to_have_value("Mine")
    mine.locator("#fact-title input[name=title]").press("Enter")
    expect(mine.locator("#fact-title .value")).to_have_text("Mine")
    # Different fields: both are kept.
    theirs.reload()
    field = retitle(mine, "title", "Mine again")
    retitle(theirs, "mobile", "+49 171 555 0199").press("Enter")
    expect(theirs.locator("#fact-mobile")).to_contain_text("+49 171 555 0199")
    field.press("Enter")
    expect(mine.locator("#fact-title .value")).to_have_text("Mine again")
    expect(mine.locator("#fact-mobile")).to_contain_text("+49 171 555 0199")


def test_u3_what_is_typed_on_a_card_that_somebody_deletes_is_kept_and_saved_once_it_is_back(open_page, server):
    mine, theirs = open_page("anna"), open_page("admin")
    pk = of_demo(server, "anna")
    mine.goto(f"/persons/{pk}/")
    field = retitle(mine, "title", "Typed for long")
    token = theirs.get_attribute("meta[name=csrf-token]", "content")
    assert theirs.request.post(f"/persons/{pk}/delete/", headers={"X-CSRFToken": token}).ok
    field.press("Enter")
    line = said(mine, "was deleted by")
    expect(field).to_have_value("Typed for long")
    line.get_by_role("button", name="Restore").click()
    expect(said(mine, "1 record is back.")).to_be_visible()
    expect(line).to_have_count(0)
    expect(field).to_have_value("Typed for long")
    field.press("Enter")
    expect(mine.locator("#fact-title .value")).to_have_text("Typed for long")


def sign_in_elsewhere(page, user, server):
    """Sign out and in again in another tab of the same browser."""
    page.context.clear_cookies(name=re.compile("session"))
    other = page.context.new_page()
    sign_in(other, user, server.password(user))
    other.close()


def test_u3_a_session_that_ends_while_one_types_loses_nothing(open_page, server):
    page = open_page("max")
    page.goto(f"/persons/{of_demo(server, 'max')}/")
    field = retitle(page, "title", "Typed for long")
    page.context.clear_cookies(name=re.compile("session"))
    field.press("Enter")
    expect(said(page, "You are signed out").get_by_role("link")).to_have_attribute("target", "_blank")
    expect(page.locator("#fact-title input[name=title]")).to_have_value("Typed for long")
    # Signed in again in another tab, it is sent from here.
    sign_in_elsewhere(page, "max", server)

    # Who presses Save before the page has its new token waits for that.
    held = []
    page.route("**/signed-in-as/", lambda route: held.append(route))
    with page.expect_request("**/signed-in-as/"):
        page.evaluate("dispatchEvent(new Event('focus'))")
    page.locator("#fact-title button.primary").click()
    expect(page.locator("#fact-title input[name=title]")).to_have_value("Typed for long")
    for route in held:
        route.continue_()
    expect(page.locator("#fact-title .value")).to_have_text("Typed for long")
    expect(page.locator(".toast-line", has_text="You are signed out")).to_have_count(0)


def test_u3_who_signed_in_anew_elsewhere_saves_from_the_tab_that_had_not_noticed(open_page, server):
    page = open_page("max")
    pk = of_demo(server, "max")
    page.goto(f"/persons/{pk}/")
    field = retitle(page, "title", "Typed before")
    sign_in_elsewhere(page, "max", server)
    sent = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    field.press("Enter")
    expect(page.locator("#fact-title .value")).to_have_text("Typed before")
    assert len(sent) == 2 and len(set(sent)) == 1
    expect(said(page, "was changed")).to_be_visible()
    expect(page.locator(".toast-line.error")).to_have_count(0)

    # What the server goes on refusing is sent no third time.
    field = retitle(page, "title", "Typed after")
    sign_in_elsewhere(page, "max", server)
    refusing = re.compile(r"/facts/title/$")
    page.route(refusing, lambda route: route.fulfill(status=403, headers={"Lotse-Refused": "token"})
               if route.request.method == "POST" else route.continue_())  # fmt: skip
    sent.clear()
    field.press("Enter")
    said(page, "Something went wrong")
    expect(field).to_have_value("Typed after")
    assert len(sent) == 2
    page.unroute(refusing)

    # Somebody else is told; nothing is saved under their name.
    sign_in_elsewhere(page, "anna", server)
    field.press("Enter")
    said(page, "Anna Kraft has signed in")
    expect(field).to_have_value("Typed after")
    sign_in_elsewhere(page, "max", server)
    field.press("Enter")
    expect(page.locator("#fact-title .value")).to_have_text("Typed after")
    expect(page.locator(".toast-line", has_text="has signed in")).to_have_count(0)


def test_u3_a_page_without_htmx_keeps_what_was_typed_until_it_will_be_taken(open_page, server):
    page = open_page("max")
    page.goto("/settings/")
    form = page.locator("form[data-guard]").first
    name = form.locator("input[name=first_name]")
    name.fill("Max ")  # the others go on calling him Max
    page.context.clear_cookies(name=re.compile("session"))
    form.get_by_role("button", name="Save").click()
    said(page, "You are signed out")
    sign_in_elsewhere(page, "anna", server)
    form.get_by_role("button", name="Save").click()
    said(page, "Anna Kraft has signed in")
    expect(name).to_have_value("Max ")
    sign_in_elsewhere(page, "max", server)
    form.get_by_role("button", name="Save").click()
    said(page, "Your profile is saved.")


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


def test_u3_a_search_without_an_answer_says_so_and_offers_nothing_of_an_earlier_text(open_page):
    page = open_page("anna")
    page.goto("/sales/new/")
    company = page.get_by_role("combobox", name="Company")
    company.press_sequentially("Nord")
    expect(page.locator(".choose [role=option]").first).to_be_visible()
    page.route("**/choices/**", lambda route: route.fulfill(status=403))
    company.press_sequentially("x")
    expect(page.locator("#toasts")).to_contain_text("did not answer")
    expect(page.locator(".choose [role=option]")).to_have_count(0)
