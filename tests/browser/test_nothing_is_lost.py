"""What one types is not lost: beside a colleague, after a deletion, signed out meanwhile, on leaving the page (R17, U3)."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import names, said, settle, sign_in


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
