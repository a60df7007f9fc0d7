"""Find, as a marketer uses it: questions built by mouse and by keyboard, in German (S1–S4)."""

import json
import re

from playwright.sync_api import expect

from tests.browser.conftest import settle, violations


def add(page, typed, name, within=None):
    """Add a line by typing a field's name."""
    box = (within or page.locator(".criteria-editor > .c-set > .c-add")).get_by_role("combobox").first
    box.click()
    box.press_sequentially(typed, delay=15)
    page.get_by_role("option", name=name, exact=True).click()
    settle(page)
    return line(page, name)


def line(page, name):
    return page.locator(
        ".c-line", has=page.locator(":scope > .c-parts .c-field", has_text=re.compile(f"^{re.escape(name)}$"))
    ).last


def condition(page, line, name, label):
    with page.expect_response("**/edit/"):
        line.get_by_role("combobox", name=f"Bedingung: {name}").select_option(label=label)
    settle(page)


def count(page):
    """Return the number that the editor tells, once it stands still."""
    settle(page)
    expect(page.locator("#c-count")).to_contain_text(re.compile(r"\d"))
    return int(re.sub(r"\D", "", page.locator("#c-count").inner_text()))


def shown(page):
    return int(re.sub(r"\D", "", page.locator(".list-foot > span").first.inner_text().rpartition("von")[2]))


def tick(page, line, *names):
    line.locator("summary.pick").click()
    for name in names:
        line.locator("label.item", has_text=name).get_by_role("checkbox").check()
    page.keyboard.press("Escape")


def test_s1_s3_questions_by_mouse_in_german(open_page):
    page = open_page("mia", language="de")
    page.goto("/my-day/")
    page.locator(".side").get_by_role("link", name="Suche").click()
    page.wait_for_url("**/find/person/")
    everybody = count(page)
    tick(page, add(page, "kategoriengr", "Kategoriengruppe"), "Potentieller Kunde")
    expect(page.locator("#c-count")).not_to_contain_text(f"{everybody:,}".replace(",", "."))
    potential = count(page)
    assert 0 < potential < everybody
    assert shown(page) == potential
    status = add(page, "lead-status", "Lead-Status")
    condition(page, status, "Lead-Status", "ist keines von")
    tick(page, status, "Disqualifiziert")
    expect(page.locator("#c-asked .sentence")).to_contain_text("Disqualifiziert")
    fewer = count(page)
    assert fewer < potential and shown(page) == fewer
    # No activity in 30 days: a counter with a condition of its own.
    counter = add(page, "anzahl folge", "Anzahl Folgeaktivitäten")
    condition(page, counter, "Anzahl Folgeaktivitäten", "ist")
    counter.locator(":scope > .c-parts input[type=text]").fill("0")
    done = add(page, "erledigt am", "Erledigt am", counter.locator(".c-where > .c-add"))
    condition(page, done, "Erledigt am", "in den letzten X Tagen")
    done.get_by_role("spinbutton").fill("30")
    expect(page.locator("#c-asked .sentence")).to_contain_text("30 Tagen")
    quiet = count(page)
    assert 0 < quiet <= fewer and shown(page) == quiet
    # Switched off it asks nothing; the address holds the question, and Back takes a step back.
    counter.locator(":scope > .c-parts details[data-menu] > summary[aria-label=Mehr]").click()
    counter.locator(":scope > .c-parts").get_by_role("button", name="Abschalten").click()
    expect(line(page, "Anzahl Folgeaktivitäten")).to_have_class(re.compile("off"))
    assert count(page) == fewer
    page.go_back()
    page.wait_for_load_state()
    assert count(page) == quiet
    # Kept as a selection: it has as many members.
    page.get_by_role("link", name="Als Selektion speichern").click()
    page.locator("#panel").get_by_label("Name").fill("Still seit 30 Tagen")
    page.locator("#panel").get_by_role("button", name="Selektion anlegen").click()
    page.wait_for_url(re.compile(r"/selections/\d+/$"))
    expect(page.locator(".list-foot > span").first).to_contain_text(f"{quiet:,}".replace(",", "."))
    # Its criteria are edited in Find and saved.
    page.locator(".tabs").get_by_role("link", name="Kriterien").click()
    page.get_by_role("link", name="Kriterien bearbeiten").click()
    page.wait_for_url("**/find/person/?selection=*")
    line(page, "Lead-Status").get_by_role("button", name="Entfernen: Lead-Status").click()
    expect(line(page, "Lead-Status")).to_have_count(0)
    more = count(page)
    page.get_by_role("button", name="Kriterien speichern").click()
    page.wait_for_url("**/selections/*/?tab=criteria")
    expect(page.locator("#toasts")).to_contain_text("wurden gespeichert")
    page.locator(".tabs").get_by_role("link", name="Mitglieder").click()
    expect(page.locator(".list-foot > span").first).to_contain_text(f"{more:,}".replace(",", "."))


def test_s2_by_keyboard_alone_in_german(open_page):
    page = open_page("mia", language="de")
    page.goto("/find/company/")
    settle(page)

    def choose(text, within="**/edit/"):
        page.keyboard.type(text, delay=15)
        expect(page.locator("[role=option]").first).to_be_visible()
        # What one has chosen comes with the answer; the next key is for that.
        with page.expect_response(within):
            page.keyboard.press("Enter")
        settle(page)

    # The sum of won sales of this year, of at least 50,000.
    page.locator("#c-add-r").focus()
    choose("summe betrag basis")
    field = page.locator(".c-line > .c-parts input[type=text]")
    expect(field).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("50000")
    page.keyboard.press("Tab")  # the menu, the cross, and on to the condition of what is counted
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(page.locator("#c-add-r-0-w")).to_be_focused()
    choose("status")
    expect(page.locator(".c-where summary.pick")).to_be_focused()
    page.keyboard.press("ArrowDown")
    for _step in range(4):
        page.keyboard.press("ArrowDown")
        if page.evaluate("document.activeElement.closest('label')?.textContent.trim()") == "Gewonnen":
            break
    page.keyboard.press("Space")
    page.keyboard.press("Escape")
    expect(page.locator(".c-where summary.pick")).to_contain_text("Gewonnen")
    page.locator("#c-add-r-0-w").focus()
    choose("abgeschlossen")
    page.keyboard.press("Shift+Tab")
    with page.expect_response("**/edit/"):
        page.keyboard.type("im Zeitr")
    settle(page)
    expect(page.get_by_role("combobox", name="Bedingung: Abgeschlossen am")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.type("Jahr")
    expect(page.locator("#c-asked .sentence")).to_contain_text("50.000")
    expect(page.locator("#c-asked .sentence")).to_contain_text("in diesem Jahr")
    found = count(page)
    assert found > 0 and shown(page) == found
    assert not violations(page)
    # Moved, duplicated and taken away, all from the line's menu.
    menu = page.locator(".criteria-editor > .c-set > ol > li > .c-parts summary[aria-label=Mehr]")
    menu.focus()
    page.keyboard.press("Enter")
    page.keyboard.press("ArrowDown")
    for _step in range(2):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator(".criteria-editor > .c-set > ol > li")).to_have_count(2)
    assert count(page) == found
    # A set beside it, joined by or: it asks nothing as long as it is empty.
    page.get_by_role("button", name="Oder").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".criteria-editor > .c-set > ol > li > .c-set")).to_have_count(2)
    assert count(page) == found
    # Why is one of them in?
    page.get_by_role("link", name="Warum?").focus()
    page.keyboard.press("Enter")
    name = page.locator("tr[data-row] a.name").first.inner_text()
    expect(page.locator("#id_why")).to_be_focused()
    choose(name[:6], within="**/why/**")
    expect(page.locator("#panel .why")).to_contain_text("enthalten")
    # A head that refreshes itself keeps the focus.
    page.goto("/selections/3/")
    settle(page)
    star = page.get_by_role("button", name="Favorit")
    before = star.get_attribute("aria-pressed")
    star.focus()
    page.keyboard.press("Enter")
    expect(star).not_to_have_attribute("aria-pressed", before)
    expect(star).to_be_focused()
    expect(page.locator("#favourites").get_by_role("link", name="Nachfassen")).to_be_visible(visible=before == "false")


def test_a_line_that_cannot_be_asked_says_so_on_a_phone(open_page):
    page = open_page("mia", language="de", width=390, height=844, touch=True)
    page.goto("/find/person/")
    settle(page)
    created = add(page, "angelegt", "Angelegt")
    expect(created).to_contain_text("ohne Wirkung")
    condition(page, created, "Angelegt", "in den letzten X Tagen")
    created.get_by_role("spinbutton").fill("123456")
    expect(created.locator(":scope > .error")).to_contain_text("zwischen 0 und 9999")
    expect(page.locator("#find-results")).to_contain_text("lässt sich so nicht")
    created.get_by_role("spinbutton").fill("9999")
    expect(created.locator(":scope > .error")).to_be_empty()
    assert count(page) > 0
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0


def test_u3_what_is_typed_while_another_choice_is_on_its_way_is_kept(open_page):
    page = open_page("mia")
    lines = [
        {"field": "title", "operator": "contains", "value": "C"},
        {"field": "last_name", "operator": "contains", "value": "A"},
    ]
    page.goto(f"/find/person/?criteria={json.dumps({'version': 1, 'all': lines})}")
    settle(page)
    held = []
    page.route("**/edit/", lambda route: route.continue_() if held else held.append(route))
    with page.expect_request("**/edit/"):
        page.locator("#c-operator-r-0").select_option("starts")
    value = page.locator("#c-value-r-1")
    value.click()
    value.press("End")
    value.press_sequentially("mm")
    held[0].continue_()
    expect(page.locator("#c-asked")).to_contain_text("Amm")
    expect(page.locator("#c-operator-r-0")).to_have_value("starts")
    expect(value).to_have_value("Amm")
    expect(value).to_be_focused()
