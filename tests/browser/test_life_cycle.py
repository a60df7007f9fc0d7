"""From a new lead to a customer, or to a lost opportunity, in a real browser (issue 3): R5–R8, R12–R14, R16.

The demo's rules: a sale that is won moves its company at once; one that is registered or lost asks first.
"""

from urllib.parse import urlencode

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import names, said, settle, violations


def choose_new(page, what):
    """Choose from the menu *New* of the top bar."""
    page.locator(".top summary.primary").click()
    page.locator(".top .panel").get_by_role("link", name=what, exact=True).click()


def new_lead(page, company, first_name):
    """Create a company and a person there, as they come: a lead that is open (R5). Return the addresses of their cards."""
    choose_new(page, "Company")
    page.get_by_role("textbox", name="Name", exact=True).fill(company)
    page.get_by_role("button", name="Create company").click()
    expect(page.locator("h1")).to_have_text(company)
    expect(page.locator("#fact-category .value")).to_have_text("Lead")
    company_card = page.url
    page.locator(".page-head").get_by_role("link", name="Person").click()
    page.get_by_label("First name").fill(first_name)
    page.get_by_label("Last name").fill("Lebensweg")
    page.get_by_role("button", name="Create person").click()
    expect(page.locator("h1")).to_have_text(f"{first_name} Lebensweg")
    expect(page.locator("#fact-lead_status .pill")).to_have_text("Open")
    return company_card, page.url


def set_status(page, status):
    page.locator("[data-set-status]").click()
    page.locator("#fact-lead_status").get_by_role("button", name=status, exact=True).click()
    expect(page.locator("#fact-lead_status .pill")).to_have_text(status)


def begin_sale(page, amount):
    """Create a sale from the head of the card that is open; what the card knows is filled in already."""
    person = page.locator("h1").inner_text()
    page.locator(".page-head").get_by_role("link", name="Create sale").click()
    panel = page.locator("#panel")
    expect(panel.get_by_role("combobox", name="Person")).to_have_value(person)
    assert (
        panel.get_by_role("combobox", name="Company").input_value()
        == panel.get_by_role("textbox", name="Name", exact=True).input_value()
    )
    panel.get_by_label("Amount").fill(amount)
    panel.get_by_role("button", name="Create sale").click()
    expect(page.locator("h1")).not_to_have_text(person)


def answer_question(page, rule, category, choose=None):
    """Answer what a rule asks: it proposes this category, and another may be chosen."""
    panel = page.locator("#panel")
    expect(panel.get_by_text(rule)).to_be_visible()
    chosen = panel.get_by_label("New category")
    expect(chosen.locator("option:checked")).to_have_text(category)
    if choose:
        chosen.select_option(label=choose)
    panel.get_by_role("button", name="Change the category").click()
    expect(panel).to_be_hidden()


def close(page, how, words, reason=None):
    """Close the sale that is open; only a day and a reason are asked for."""
    page.locator(".page-head").get_by_role("link", name=how, exact=True).click()
    panel = page.locator("#panel")
    expect(panel.get_by_label("Closed on")).not_to_have_value("")
    assert panel.locator("input:visible, select:visible").evaluate_all("all => all.map((one) => one.name)") == [
        "closed_on",
        "reason",
    ]
    if reason:
        panel.get_by_label("Reason").select_option(label=reason)
    panel.get_by_role("button", name=words).click()


def category_of(page, card):
    page.goto(card)
    return page.locator("#fact-category .value")


def step(page, text):
    """Return what the history of the open card tells with these words."""
    return page.locator(".timeline > li", has_text=text)


def tick_of(page, name):
    """Return the id of the status with this name, as the lists' addresses have it."""
    page.goto("/persons/")
    page.get_by_role("link", name="Filter by Lead status").click(force=True)
    value = page.locator("#panel").get_by_label(name, exact=True).get_attribute("value")
    page.keyboard.press("Escape")
    return value


@pytest.fixture(scope="module")
def leads(server):
    """Return a function(company, first name) that gives Anna an open lead, and returns the address of the card."""

    def lead(company, first_name):
        made = server.manage("shell", "-v0", "-c", f"""
from crm.models import User
from leads import actions
anna = User.objects.get(username="anna")
company = actions.create_company({{"name": "{company}", "owner": anna}}, by=anna, via="form")
values = {{"first_name": "{first_name}", "last_name": "Lebensweg", "company": company, "owner": anna}}
print(actions.create_person(values, by=anna, via="form").get_absolute_url())
""")  # fmt: skip
        return made.strip()

    return lead


@pytest.mark.both_databases
def test_the_whole_life_of_a_lead(open_page):
    page = open_page("anna")

    # New, contacted, qualified.
    company, person = new_lead(page, "Lebenslauf GmbH", "Wanda")
    set_status(page, "Contacting")
    set_status(page, "Qualified")

    # A sale: the rule asks first, in place, and the company is an opportunity; the lead status stays where it applies.
    begin_sale(page, "48000")
    sale = page.url
    answer_question(page, "A sale is registered", "Opportunity")
    said(page, "A sale is registered")
    expect(category_of(page, company)).to_have_text("Opportunity")
    expect(category_of(page, person)).to_have_text("Opportunity")
    expect(page.locator("#fact-lead_status .pill")).to_have_text("Qualified")

    # Won: the company is a customer by rule, at once; the field goes from the card and its cell in the list.
    page.goto(sale)
    close(page, "Won", "Mark as won")
    said(page, "Won: Lebenslauf GmbH")
    expect(page.locator("#fact-status .pill")).to_have_text("Won")
    expect(category_of(page, company)).to_have_text("Customer")
    expect(page.locator("tbody tr[data-row]")).to_have_count(1)
    expect(page.locator("tbody .pill")).to_have_count(0)
    expect(category_of(page, person)).to_have_text("Customer")
    expect(page.locator("#fact-lead_status")).to_have_count(0)

    # Its value stays stored, and is found (R6).
    qualified = tick_of(page, "Qualified")
    page.goto("/persons/?" + urlencode({"lead_status": qualified, "company__starts": "Lebenslauf"}))
    expect(names(page)).to_have_text(["Wanda Lebensweg"])
    expect(page.locator("tbody .pill")).to_have_count(0)
    page.goto("/leads/?owner=me&" + urlencode({"company__starts": "Lebenslauf"}))
    expect(names(page)).to_have_count(0)

    # The history tells each change with its rule. What the rule did is undone from there, alone: the sale stays won (R13).
    page.goto(f"{company}?tab=history")
    registered, won = step(page, "Rule “A sale is registered”"), step(page, "Rule “A sale is won”")
    expect(registered).to_contain_text("Lead → Opportunity")
    expect(won).to_contain_text("Opportunity → Customer")
    won.get_by_role("button", name="Undo").click()
    expect(page.locator("#fact-category .value")).to_have_text("Opportunity")
    page.goto(person)
    expect(page.locator("#fact-lead_status .pill")).to_have_text("Qualified")
    page.goto(sale)
    expect(page.locator("#fact-status .pill")).to_have_text("Won")
    page.goto(f"{company}?tab=history")
    step(page, "Undone: Rule “A sale is won”").get_by_role("button", name="Redo").click()
    expect(page.locator("#fact-category .value")).to_have_text("Customer")

    # A customer stays one: another sale, and its loss, ask nothing and change nothing (R12).
    page.goto(person)
    begin_sale(page, "900")
    expect(page.locator("#fact-status .pill")).to_have_text("Open")
    close(page, "Lost", "Mark as lost", reason="Price")
    expect(page.locator("#fact-status .pill")).to_have_text("Lost")
    page.wait_for_load_state("networkidle")
    expect(page.locator("#panel")).to_be_hidden()
    expect(category_of(page, company)).to_have_text("Customer")

    # All of it stands at the one person: every status, and both sales.
    page.goto(f"{person}?tab=history")
    for change in ("Open → Contacting", "Contacting → Qualified"):
        expect(step(page, change)).to_have_count(1)
    page.goto(f"{person}?tab=sales")
    expect(names(page)).to_have_count(2)


@pytest.mark.both_databases
def test_a_lead_whose_sale_is_lost(open_page):
    page = open_page("anna")
    company, person = new_lead(page, "Windstille KG", "Igor")
    set_status(page, "Contacting")
    # A sale in one step: whoever sells something to a lead has qualified it. It is taken back in one, too.
    begin_sale(page, "7000")
    page.locator("#panel").get_by_role("button", name="Leave it as it is").click()
    said(page, "The category stays as it is.")
    said(page, "was created").get_by_role("button", name="Undo").click()
    said(page, "Creation undone")
    page.goto(f"{person}?tab=sales")
    expect(page.locator("#fact-lead_status .pill")).to_have_text("Contacting")
    expect(names(page)).to_have_count(0)
    begin_sale(page, "7500")
    sale = page.url
    answer_question(page, "A sale is registered", "Opportunity")
    page.goto(person)
    expect(page.locator("#fact-lead_status .pill")).to_have_text("Qualified")
    # Without a reason it is not lost, and it says so at the field.
    page.goto(sale)
    close(page, "Lost", "Mark as lost")
    expect(page.locator("#panel").get_by_label("Reason")).to_have_attribute("aria-invalid", "true")
    page.locator("#panel").get_by_label("Reason").select_option(label="Price")
    page.locator("#panel").get_by_role("button", name="Mark as lost").click()
    answer_question(page, "A sale is lost", "Lost opportunity")
    expect(page.locator("#fact-status .pill")).to_have_text("Lost")
    expect(category_of(page, company)).to_have_text("Lost opportunity")
    page.goto(f"{company}?tab=history")
    expect(step(page, "Rule “A sale is lost”")).to_contain_text("Opportunity → Lost opportunity")
    # Its lead status is as it was, and can be set: it may buy another time.
    page.goto(person)
    expect(page.locator("#fact-lead_status .pill")).to_have_text("Qualified")


def test_u1_a_rule_that_asks_is_answered_by_keys_alone(open_page, leads):
    page = open_page("anna")
    page.goto(leads("Tastenwerk GmbH", "Karla"))
    keys, panel = page.keyboard, page.locator("#panel")
    # From the card's head to the sale: one key beyond the follow-up, and the form is filled where the focus is.
    page.locator(".page-head").get_by_role("link", name="Follow-up").focus()
    keys.press("Tab")
    expect(page.get_by_role("link", name="Create sale")).to_be_focused()
    keys.press("Enter")
    expect(panel.get_by_role("textbox", name="Name", exact=True)).to_be_focused()
    keys.press("Enter")
    expect(page.locator("h1")).to_have_text("Tastenwerk GmbH")
    # What the rule asks has the focus, and keeps it inside.
    category = panel.get_by_label("New category")
    expect(category).to_be_focused()
    # To close it is no answer: it waits under the bell, where keys find it.
    keys.press("Escape")
    expect(panel).to_be_hidden()
    page.locator(".top summary:has(#bell-count)").focus()
    keys.press("Enter")
    keys.press("Tab")
    expect(page.locator("#bell-list").get_by_role("button", name="Answer").first).to_be_focused()
    keys.press("Enter")
    expect(category).to_be_focused()
    expect(category.locator("option:checked")).to_have_text("Opportunity")
    # Another category than the proposed one.
    keys.type("Mark")
    expect(category.locator("option:checked")).to_have_text("Marketing qualified lead (MQL)")
    keys.press("Tab")
    expect(panel.get_by_role("button", name="Change the category")).to_be_focused()
    keys.press("Enter")
    expect(panel).to_be_hidden()
    said(page, "category set to Marketing qualified lead (MQL)")
    # Lost, by keys; and this time the answer is none.
    settle(page)  # the head comes anew
    page.locator(".page-head").get_by_role("link", name="Lost", exact=True).focus()
    keys.press("Enter")
    expect(panel.get_by_label("Closed on")).to_be_focused()
    panel.get_by_label("Reason").focus()
    keys.type("Price")
    keys.press("Tab")
    keys.press("Enter")
    expect(category).to_be_focused()
    keys.press("Tab")
    keys.press("Tab")
    expect(panel.get_by_role("button", name="Leave it as it is")).to_be_focused()
    keys.press("Enter")
    said(page, "The category stays as it is.")
    expect(panel).to_be_hidden()
    expect(page.locator("#fact-status .pill")).to_have_text("Lost")
    settle(page)  # the facts come anew
    page.locator("#fact-company a").focus()
    keys.press("Enter")
    expect(page.locator("#fact-category .value")).to_have_text("Marketing qualified lead (MQL)")


def test_u1_disqualified_and_nurtured_on_a_phone_in_german_and_the_dark(open_page, leads):
    page = open_page("anna", language="de", dark=True, width=390, height=844, touch=True)
    page.goto(leads("Handwerk GmbH", "Hanna"))
    pill, panel = page.locator("#fact-lead_status .pill"), page.locator("#panel")

    def choose(status):
        page.locator("[data-set-status]").tap()
        page.locator("#fact-lead_status").get_by_role("button", name=status, exact=True).tap()
        expect(panel).to_be_visible()
        box = panel.bounding_box()
        assert box["x"] == 0 and box["width"] == 390 and round(box["y"] + box["height"]) == 844, "a sheet at the bottom edge"
        assert not violations(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390

    # Disqualified: it asks why, and says so where nothing was chosen.
    choose("Disqualifiziert")
    panel.locator("button.primary").tap()
    expect(panel.get_by_role("alert")).to_be_visible()
    panel.get_by_label("Zu klein").tap()
    panel.locator("button.primary").tap()
    expect(pill).to_have_text("Disqualifiziert")
    expect(page.locator("#fact-disqualify_reason")).to_contain_text("Zu klein")
    said(page, "Hanna Lebensweg").get_by_role("button", name="Rückgängig").tap()
    expect(pill).to_have_text("Offen")
    expect(page.locator("#fact-disqualify_reason")).to_have_count(0)

    # Taken up again on a day: that becomes a follow-up, which goes with the undo.
    choose("Erneut bearbeiten")
    panel.locator("input[name=again_on]").fill("2031-05-05")
    panel.locator("button.primary").tap()
    expect(pill).to_have_text("Erneut bearbeiten")
    expect(page.locator("#next")).to_contain_text("2031")
    said(page, "Erneut bearbeiten").get_by_role("button", name="Rückgängig").tap()
    expect(pill).to_have_text("Offen")
    expect(page.locator("#next")).not_to_contain_text("2031")
